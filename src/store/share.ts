import type { Hash, Study } from '../core/study/study.ts';
import { variantDataFileName, variantDataName, variantFileName, variantFiles } from '../platform/artifacts.ts';
import { comparisonLink } from '../platform/links.ts';
import { toFailure } from '../workers/failure.ts';
import type { NamedBlob } from '../workers/protocol.ts';
import type { Context } from './context.ts';
import type { Actions } from './state.ts';

export interface Sharing extends Pick<Actions, 'download' | 'exportStudy' | 'exportTable' | 'copyLink'> {}

/** Builders of what leaves the page; pure, and loaded when something leaves. */
export interface Builders {
	/** JSON text to lie beside the file. */
	certificate(study: Study, variant: Hash | 'original', fileName: string): string;
	table(study: Study, format: 'csv' | 'json'): string;
}

export function createSharing(context: Context, builders: Builders): Sharing {
	const { services, get } = context;

	const say = (error: unknown): void => {
		const failure = toFailure(error);
		if (failure.code !== 'cancelled') context.sayFailure(failure);
	};

	/** Study on the page: the person's own, or one from a link. */
	const shown = (): Study | undefined => get().study ?? get().shared?.study;

	const baseNameOf = (study: Study): string => study.model.name.replace(/\.onnx$/i, '') || 'model';

	return {
		async download(id) {
			const { study } = get();
			const variant = study?.variants.find((entry) => entry.id === id);
			const { open } = context;
			if (!study || !variant || !open) return;
			try {
				const name = `${baseNameOf(study)}${id === 'original' ? '' : `.${slug(variant.name)}`}`;
				if (id === 'original') {
					if (!open.model) throw new Error('The model was not stored here; you have the file that you dropped.');
					services.saveFile(open.model.model, open.model.name);
					return;
				}
				if (!hasRun(study, id)) {
					get().toast('This file has not been run yet, so it is not handed out. It can be downloaded once it has been measured.', 'error');
					return;
				}
				const root = await context.storage();
				const files = variant.file && (root ? await variantFiles(root, variant.file) : context.held.get(variant.file));
				if (!files || files.model.size + (files.data?.size ?? 0) !== variant.sizes?.bytes) {
					get().toast('The file of this variant is not stored any more. Run it again to make the same file.', 'error');
					return;
				}
				services.saveFile(files.model, `${name}.onnx`);
				// The model names this file; it must keep its name.
				if (files.data) services.saveFile(files.data, variantDataName);
				const certificate = builders.certificate(study, id, `${name}.onnx`);
				services.saveFile(new Blob([certificate], { type: 'application/json' }), `${name}.certificate.json`);
			} catch (error) {
				say(error);
			}
		},
		async exportStudy({ withFiles }) {
			const study = shown();
			if (!study) return;
			try {
				const name = `${baseNameOf(study)}.pare`;
				const job = `${context.tab}-${context.nextId()}`;
				if (!withFiles) {
					const blob = await services.host.call('disk', 'studyDocument', { study });
					services.saveFile(blob, `${name}.json`);
					return;
				}
				const root = await context.storage();
				const entries: NamedBlob[] = [];
				for (const { file } of study.variants) {
					const files = file && (root ? await variantFiles(root, file) : context.held.get(file));
					if (!file || !files) continue;
					entries.push({ name: variantFileName(file), blob: files.model });
					if (files.data) entries.push({ name: variantDataFileName(file), blob: files.data });
				}
				const signal = context.open?.closing.signal;
				const blob = await services.host.call('disk', 'pack', { study, entries, job }, { signal, input: `pack:${study.id}` });
				services.saveFile(blob, `${name}.zip`);
			} catch (error) {
				say(error);
			}
		},
		exportTable(format) {
			const study = shown();
			return study ? builders.table(study, format) : '';
		},
		async copyLink() {
			const study = shown();
			if (!study) return 0;
			try {
				const link = await comparisonLink(study, services.pageAddress());
				await services.copyText(link);
				get().toast(`Link copied: ${link.length} characters, figures and recipes, no weights.`);
				return link.length;
			} catch (error) {
				say(error);
				return 0;
			}
		},
	};
}

/** Whether the file has been run with success, on any target. */
export function hasRun(study: Study, id: Hash): boolean {
	return (
		study.runs.some((run) => run.variant === id && !run.failure) ||
		study.evaluations.some((entry) => entry.variant === id && !entry.failure && entry.outputs.length > 0)
	);
}

/** `Weight-only 4-bit (2)` as part of a file name: `weight-only-4-bit-2`. */
export function slug(name: string): string {
	return (
		name
			.toLowerCase()
			.replace(/[^a-z0-9]+/g, '-')
			.replace(/^-+|-+$/g, '')
			.slice(0, 80) || 'variant'
	);
}
