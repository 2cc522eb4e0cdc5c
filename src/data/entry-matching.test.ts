import { describe, expect, it } from 'vitest';
import { entryKey, matchEntries, pathKey } from './entry-matching.ts';

const keysOf = (entries: readonly string[], lines: readonly string[]) =>
	matchEntries(entries, lines.map(pathKey)).map(({ key, ambiguous }) => (ambiguous ? 'ambiguous' : key));

describe('entries and the lines that name them', () => {
	it('are matched by their names, whatever the slashes, capitals and endings', () => {
		expect(entryKey('A\\B\\Cat.JPG')).toBe('cat');
		expect(keysOf(['set/Cat.JPG', 'set/dog.png'], ['images\\cat', './DOG.png', 'cow.png'])).toEqual(['images/cat', 'dog.png']);
	});

	it('of the same name are told apart by folders and endings', () => {
		expect(keysOf(['s/a/1.png', 's/b/1.png'], ['a/1.png', 'b/1.png'])).toEqual(['a/1.png', 'b/1.png']);
		expect(keysOf(['1.png', '1.jpg'], ['1.jpg', '1.png'])).toEqual(['1.png', '1.jpg']);
		expect(keysOf(['a/1.png', 'b/1.png'], ['b/1.png'])).toEqual([undefined, 'b/1.png']);
	});

	it('are left alone where nothing tells them apart', () => {
		expect(keysOf(['a/1.png', 'b/1.png'], ['1.png'])).toEqual(['ambiguous', 'ambiguous']);
		expect(keysOf(['1.png'], ['a/1.png', 'b/1.png'])).toEqual(['ambiguous']);
	});
});
