import { useState } from 'react';
import { describeOptions, parseOptions } from '../../core/pass/options.ts';
import type { RecipeStep } from '../../core/pass/recipe.ts';
import type { DrawnNode } from '../../core/view/drawing.ts';
import { passes } from '../../passes/registry.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { OptionForm } from '../../ui/OptionForm.tsx';

/** A change that a person asks for at a node, to be looked over before it runs. */
export interface Surgery {
	readonly title: string;
	readonly pass: string;
	readonly options: Readonly<Record<string, unknown>>;
}

/** What can be done at a node of the main graph. `outputs` are all outputs of the model. */
export function surgeriesAt(node: DrawnNode, outputs: readonly string[]): Surgery[] {
	const name = node.name;
	if (node.kind === 'input') {
		return [
			{ title: 'Rename this input…', pass: 'rename-io', options: { renames: [`${name}=`] } },
			{ title: 'Retype this input…', pass: 'retype-io', options: { types: [`${name}=`] } },
			{ title: 'Fold preprocessing into it…', pass: 'fold-preprocessing', options: { input: [name] } },
		];
	}
	if (node.kind === 'output') {
		const rest = outputs.filter((output) => output !== name);
		return [
			{ title: 'Rename this output…', pass: 'rename-io', options: { renames: [`${name}=`] } },
			{ title: 'Retype this output…', pass: 'retype-io', options: { types: [`${name}=`] } },
			...(rest.length > 0 ? [{ title: 'Drop this output…', pass: 'extract', options: { outputs: rest } }] : []),
		];
	}
	const made = node.outputs.flatMap((port) => (port.name === '' ? [] : [port.name]));
	const read = node.inputs.flatMap((port) => (port.name === '' || port.stored ? [] : [port.name]));
	return [
		...(made.length > 0 ? [{ title: 'End the model here…', pass: 'extract', options: { outputs: made } }] : []),
		...(read.length > 0 ? [{ title: 'Begin the model here…', pass: 'extract', options: { inputs: read } }] : []),
		...(made.length > 0 ? [{ title: 'Give its output too…', pass: 'extract', options: { outputs: [...outputs, ...made] } }] : []),
	];
}

export interface SurgeryDialogProps {
	readonly surgery: Surgery;
	/** The model that is changed, in words. */
	readonly of: string;
	readonly onRun: (step: RecipeStep) => void;
	readonly onClose: () => void;
}

/** The options of the pass, filled in from the graph. */
export function SurgeryDialog({ surgery, of, onRun, onClose }: SurgeryDialogProps) {
	const pass = passes.get(surgery.pass);
	const [options, setOptions] = useState(surgery.options);
	const [error, setError] = useState<{ readonly field: string; readonly reason: string } | undefined>();
	if (!pass) return null;
	const run = (): void => {
		try {
			parseOptions(pass.options, options);
		} catch (failure) {
			setError({ field: '', reason: failure instanceof Error ? failure.message : String(failure) });
			return;
		}
		onRun({ pass: pass.id, options });
	};
	return (
		<Dialog title={pass.title} onClose={onClose}>
			<p className="muted">
				{pass.summary} Makes a new variant of {of}.
			</p>
			<OptionForm
				fields={describeOptions(pass.options)}
				values={options}
				onChange={(key, value) => {
					setError(undefined);
					const { [key]: _, ...rest } = options;
					setOptions(value === undefined ? rest : { ...rest, [key]: value });
				}}
			/>
			{error && (
				<p className="bad" role="alert">
					{error.reason}
				</p>
			)}
			<button type="button" className="primary" onClick={run}>
				Make the variant
			</button>
		</Dialog>
	);
}
