import { flag, number } from '../pass/options.ts';

/** Options of passes that change layers one after the other on sample inputs; they mean the same in each. */

export const damping = (usual: number) =>
	number({
		title: 'Damping',
		help: 'Added to the diagonal of the input statistics, in shares of its mean. More where there are few inputs.',
		default: usual,
		min: 0.0001,
		max: 1,
		advanced: true,
	});

export const correctBias = () =>
	flag({
		title: 'Correct biases',
		help: 'Biases make up for the mean error of their layer and of those before it.',
		default: true,
	});

export const correctDrift = () =>
	flag({
		title: 'Follow the original',
		help: 'Each layer is fitted to what the original model puts out, given the inputs that the layers before it really give.',
		default: true,
	});

export const samples = (usual: number) =>
	number({
		title: 'Examples',
		help: 'Sample inputs that are run at most. Time and memory grow with them.',
		default: usual,
		min: 1,
		max: 100_000,
		integer: true,
		advanced: true,
	});

export const rowsPerColumn = (usual: number) =>
	number({
		title: 'Rows for each column',
		help: 'Rows of inputs that a layer learns from at most, in multiples of the length of its sums.',
		default: usual,
		min: 1,
		max: 1000,
		advanced: true,
	});
