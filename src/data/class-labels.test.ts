import { describe, expect, it } from 'vitest';
import { classCount, mapClasses, parseClassList } from './class-labels.ts';

describe('classes', () => {
	it('follows a list, by the whole line or its first word', () => {
		const classes = parseClassList('n01 cat\nn02 dog, hound\r\nn03\n\n');
		expect(classes).toEqual(['n01 cat', 'n02 dog, hound', 'n03']);
		const mapping = mapClasses(['n02', 'n01 cat', 'wolf'], classes, 3);
		expect(mapping?.indices).toEqual(
			new Map([
				['n01 cat', 0],
				['n02', 1],
			]),
		);
		expect(mapping?.note).toBe('classes from the list of 3; 1 folders are not in it');
	});

	it('gives no labels where the list is not that of the model, and says so', () => {
		const mapping = mapClasses(['a', 'b'], ['a', 'b'], 1001);
		expect(mapping?.indices.size).toBe(0);
		expect(mapping?.note).toBe('labels left out: the list has 2 classes, the model 1001 outputs');
		expect(mapClasses(['x', 'y'], ['a', 'b'], 2)?.indices.size).toBe(0);
	});

	it('takes numbers as indices, and the alphabet as a guess that it names', () => {
		expect(mapClasses(['10', '2', '2'], undefined, 11)?.indices).toEqual(
			new Map([
				['10', 10],
				['2', 2],
			]),
		);
		expect(mapClasses(['10', '2'], undefined, 5)?.note).toBe(
			'labels left out: 2 folders and 5 outputs; add a classes.txt with a line for each output',
		);
		const guess = mapClasses(['dog', 'cat'], undefined, 2);
		expect(guess?.indices.get('cat')).toBe(0);
		expect(guess?.note).toContain('classes assumed');
		expect(guess?.origin).toBe('order');
		expect(mapClasses(['dog', 'cat', 'cow'], undefined, 2)?.indices.size).toBe(0);
		expect(mapClasses(['pictures'], undefined, 1)).toBeUndefined();
	});

	it('follows what a person said before anything else', () => {
		const chosen = mapClasses(['dog', 'cat', 'cow'], ['cat', 'dog'], 2, [
			{ name: 'dog', index: 0 },
			{ name: 'cat', index: 1 },
		]);
		expect(chosen?.indices.get('dog')).toBe(0);
		expect(chosen).toMatchObject({ origin: 'given', note: 'classes as chosen; 1 folders stand for none' });
	});

	it('counts the classes of a model', () => {
		const outputs = (...shapes: (number | string | null)[][]) => ({
			inputs: [],
			outputs: shapes.map((shape, i) => ({ name: `${i}`, dtype: 'float32' as const, shape })),
		});
		expect(classCount(outputs(['N', 10]))).toBe(10);
		expect(classCount(outputs(['N', 4420, 2], ['N', 1]))).toBeUndefined();
		expect(classCount(outputs([1, null]))).toBe('open');
	});
});
