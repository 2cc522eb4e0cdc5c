import type { Recipe, RecipeStep } from '../pass/recipe.ts';
import type { LearnFrom } from './learning.ts';

/** How to make a file like this one elsewhere. `text` is to be copied; `note` says where it is not the same. */
export interface Snippet {
	readonly title: string;
	readonly text: string;
	readonly note?: string;
}

/** Presets whose recipe this is, so that the command line can use a short name. */
export interface NamedRecipe {
	readonly id: string;
	readonly recipe: Recipe;
}

/** What a variant's passes learnt from: the command line must be given the same. */
export interface LearntExamples {
	/** Of the set, as dropped. */
	readonly name: string;
	readonly synthetic: boolean;
	/** Where not all that were kept to learn from were learnt from. */
	readonly chosen?: LearnFrom;
}

/**
 * The same recipe on the command line, in ONNX Runtime's Python tools and as Transformers.js file names. Where a tool has
 * no counterpart the snippet says so instead of pretending.
 */
export function reproduce(
	modelName: string,
	recipe: Recipe,
	presets: readonly NamedRecipe[] = [],
	learnt?: LearntExamples,
): readonly Snippet[] {
	const steps = recipe.steps.filter((step) => !step.off);
	return [commandLine(modelName, recipe, steps, presets, learnt), python(modelName, steps), transformersJs(steps)];
}

function commandLine(
	modelName: string,
	recipe: Recipe,
	steps: readonly RecipeStep[],
	presets: readonly NamedRecipe[],
	learnt: LearntExamples | undefined,
): Snippet {
	const out = `${modelName.replace(/\.onnx$/i, '')}.pare.onnx`;
	const same = (other: Recipe): boolean =>
		other.seed === recipe.seed && JSON.stringify(other.steps.filter((step) => !step.off)) === JSON.stringify(steps);
	const preset = presets.find((entry) => same(entry.recipe));
	const model = shellQuoted(modelName);
	const choice =
		learnt?.chosen && !learnt.synthetic ? ` --calibration-choice ${learnt.chosen.choice} --calibration-limit ${learnt.chosen.n}` : '';
	const data = learnt ? ` --data ${shellQuoted(learnt.synthetic ? 'examples.zip' : learnt.name)}${choice}` : '';
	const note = !learnt
		? 'Gives the same bytes as here.'
		: learnt.synthetic
			? 'Here it learnt from made-up inputs; give real ones.'
			: 'With the same examples the same share of them is learnt from: the same bytes as here with one WASM thread. More threads sum in another order, which may move single codes by one.';
	if (preset) {
		return {
			title: 'Command line',
			text: `npx pare compress ${model} --recipe ${preset.id}${data} -o ${shellQuoted(out)}`,
			note,
		};
	}
	const json = JSON.stringify({ v: 1, seed: recipe.seed, steps }, null, '\t');
	return {
		title: 'Command line',
		text: `cat > recipe.json <<'END_OF_RECIPE'\n${json}\nEND_OF_RECIPE\nnpx pare compress ${model} --recipe recipe.json${data} -o ${shellQuoted(out)}`,
		note,
	};
}

function python(modelName: string, steps: readonly RecipeStep[]): Snippet {
	const title = 'ONNX Runtime, Python';
	const parts = steps.map(pythonStep);
	const missing = parts.find((part) => part.code === undefined);
	if (parts.length === 0) return { title, text: '', note: 'The recipe has no steps.' };
	if (missing) return { title, text: '', note: missing.note };
	const imports = [...new Set(parts.flatMap((part) => part.imports))].sort();
	const first = `model = onnx.load(${pythonText(modelName)})`;
	const last = `onnx.save(model, ${pythonText(`${modelName.replace(/\.onnx$/i, '')}.python.onnx`)})`;
	return {
		title,
		text: ['import onnx', ...imports, '', first, ...parts.flatMap((part) => part.code ?? []), last].join('\n'),
		note: ['The same method, not the same bytes.', ...new Set(parts.map((part) => part.note))].filter(Boolean).join(' '),
	};
}

interface PythonStep {
	readonly code: readonly string[] | undefined;
	readonly imports: readonly string[];
	readonly note: string;
}

function pythonStep({ pass, options }: RecipeStep): PythonStep {
	const none = (note: string): PythonStep => ({ code: undefined, imports: [], note });
	if (pass === 'float16') {
		const excluded = list(options.nodesToExclude);
		const blocked = list(options.opBlockList);
		return {
			imports: ['from onnxruntime.transformers.float16 import convert_float_to_float16'],
			code: [
				'model = convert_float_to_float16(',
				`    model, keep_io_types=${pythonValue(options.keepIoTypes ?? true)},`,
				...(blocked ? [`    op_block_list=${pythonValue(blocked)},`] : []),
				...(excluded?.length ? [`    node_block_list=${pythonValue(excluded)},`] : []),
				')',
			],
			note: list(options.keepFp32)?.length
				? 'The measured keep-list has no counterpart there: tensors in it are converted too.'
				: 'That converter cuts values that float16 cannot hold without saying so.',
		};
	}
	if (pass === 'int8-dynamic') {
		const operators = list(options.operators) ?? ['MatMul', 'Gemm', 'Conv', 'Gather', 'LSTM'];
		const excluded = list(options.nodesToExclude);
		const symmetric = options.symmetricWeights ?? true;
		return {
			imports: ['from onnxruntime.quantization import QuantType, quantize_dynamic', 'import tempfile, os'],
			code: [
				'quantized = os.path.join(tempfile.mkdtemp(), "model.onnx")',
				'quantize_dynamic(',
				`    model, quantized, per_channel=${pythonValue(options.perChannel ?? true)}, reduce_range=${pythonValue(options.reduceRange ?? false)},`,
				`    weight_type=QuantType.${symmetric ? 'QInt8' : 'QUInt8'}, op_types_to_quantize=${pythonValue(operators)},`,
				...(excluded?.length ? [`    nodes_to_exclude=${pythonValue(excluded)},`] : []),
				`    extra_options={"WeightSymmetric": ${pythonValue(symmetric)}},`,
				')',
				'model = onnx.load(quantized)',
			],
			note: options.groupedConv === true ? '' : 'Depthwise convolutions are quantized there; here they keep fp32 unless asked for.',
		};
	}
	if (pass === 'weight-only') {
		const blockSize = Number(options.blockSize ?? 0);
		if (options.format !== 'matmulnbits' || blockSize === 0) {
			return none(
				'ONNX Runtime has no Python tool for weight-only storage in this form: it writes MatMulNBits with a block size only. Choose that form and a block size for a counterpart.',
			);
		}
		return {
			imports: ['from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer'],
			code: [
				`quantizer = MatMulNBitsQuantizer(model, bits=${pythonValue(options.bits ?? 8)}, block_size=${blockSize}, is_symmetric=${pythonValue(options.symmetric ?? true)})`,
				'quantizer.process()',
				'model = quantizer.model.model',
			],
			note: 'It treats MatMul only: other weights and embedding tables stay as they are.',
		};
	}
	if (pass === 'prune-magnitude') return none('ONNX Runtime has no pruning tool.');
	return none(`ONNX Runtime has no Python tool for the pass ${pass}.`);
}

/** Suffixes by which Transformers.js chooses a file of onnx/ from its `dtype` option. */
function transformersJs(steps: readonly RecipeStep[]): Snippet {
	const title = 'Transformers.js';
	const [only] = steps;
	const named = steps.length === 1 && only ? transformersName(only) : undefined;
	if (!named) {
		return {
			title,
			text: '',
			note: 'Transformers.js has no dtype for this recipe. Name the file as you like and give it as model_file_name.',
		};
	}
	return {
		title,
		text: `onnx/model${named.suffix}.onnx\n// loaded with { dtype: '${named.dtype}' }`,
		note: named.note ?? 'Put the file into the onnx folder of the model under this name.',
	};
}

function transformersName({ pass, options }: RecipeStep): { suffix: string; dtype: string; note?: string } | undefined {
	if (pass === 'float16') return { suffix: '_fp16', dtype: 'fp16' };
	if (pass === 'int8-dynamic') {
		return (options.symmetricWeights ?? true) ? { suffix: '_quantized', dtype: 'q8' } : { suffix: '_uint8', dtype: 'uint8' };
	}
	if (pass === 'weight-only') {
		const note = 'Put the file into the onnx folder of the model under this name. Their own files of this dtype hold MatMulNBits.';
		if (options.bits === 4) return { suffix: '_q4', dtype: 'q4', ...(options.format === 'matmulnbits' ? {} : { note }) };
		return {
			suffix: '_int8',
			dtype: 'int8',
			note: 'Put the file into the onnx folder of the model under this name. Their own int8 files are dynamically quantized; this one is weight-only.',
		};
	}
	return undefined;
}

function list(value: unknown): readonly string[] | undefined {
	return Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined;
}

function pythonValue(value: unknown): string {
	if (value === true) return 'True';
	if (value === false) return 'False';
	if (Array.isArray(value)) return `[${value.map(pythonValue).join(', ')}]`;
	return typeof value === 'number' ? String(value) : pythonText(String(value));
}

/** JSON's escapes are Python's too; characters outside the basic plane stay as they are. */
function pythonText(text: string): string {
	return JSON.stringify(text);
}

function shellQuoted(text: string): string {
	return /^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(text) ? text : `'${text.startsWith('-') ? './' : ''}${text.replaceAll("'", `'\\''`)}'`;
}
