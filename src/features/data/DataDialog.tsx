import type { DatasetFacts } from '../../core/study/study.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { ClassMappingForm } from './ClassMappingForm.tsx';
import { PreprocessingForm } from './PreprocessingForm.tsx';
import { SoundForm } from './SoundForm.tsx';

export interface DataDialogProps {
	readonly dataset: DatasetFacts;
	/** Classes of the model's output, where its shape says so. */
	readonly outputs: number | undefined;
	readonly onClose: () => void;
}

/** What is done to the examples and what their names stand for, with the means to change it. */
export default function DataDialog({ dataset, outputs, onClose }: DataDialogProps) {
	const { picture, mapping } = dataset;
	return (
		<Dialog title="Data" onClose={onClose} className="data-dialog">
			<p className="muted">
				{dataset.name}: {dataset.n.toLocaleString()} examples. A change reads the files again, and variants are judged again.
			</p>
			{picture && <PreprocessingForm key={JSON.stringify(picture)} dataset={dataset} current={picture} />}
			{mapping && <ClassMappingForm key={JSON.stringify(mapping)} mapping={mapping} outputs={outputs} />}
			{dataset.kind === 'sound' && <SoundForm settings={dataset.settings} />}
		</Dialog>
	);
}
