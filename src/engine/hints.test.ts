import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/numeric/random.ts';
import { SESSION_HINT_KEY } from '../core/pass/session-hint.ts';
import { metadataProps, sessionHints } from './hints.ts';
import { build } from './models.testkit.ts';

function withHint(value: string): Promise<Uint8Array> {
	return build((b) => {
		b.model.metadata.set('other', 'x');
		b.model.metadata.set(SESSION_HINT_KEY, value);
		b.output(b.op('Identity', [b.input('x', 'float32', [1])], 'y'), 'float32', [1]);
	});
}

describe('sessionHints', () => {
	it('reads the entries that only change speed or precision', async () => {
		const bytes = await withHint(
			'{"session.disable_prepacking":"1","session.load_model_format":"ORT","optimization.enable_gelu_approximation":1}',
		);
		expect(sessionHints(bytes)).toEqual({
			config: { 'session.disable_prepacking': '1' },
			ignored: ['session.load_model_format', 'optimization.enable_gelu_approximation'],
		});
		expect([...metadataProps(bytes)].map(([key]) => key)).toEqual(['other', SESSION_HINT_KEY]);
	});

	it.each(['nonsense', '[1]', 'null', '"text"', '{"__proto__":"1"}'])('obeys nothing in %s', async (value) => {
		const { config, ignored } = sessionHints(await withHint(value));
		expect(config).toEqual({});
		expect(ignored).toHaveLength(1);
	});

	it('stands any bytes', async () => {
		const bytes = await withHint('{"session.disable_prepacking":"1"}');
		const random = seededRandom(1);
		for (let i = 0; i < 3000; i++) {
			const damaged = bytes.slice(0, random.below(4) === 0 ? random.below(bytes.length) : bytes.length);
			for (let hits = random.below(4); hits >= 0 && damaged.length > 0; hits--) damaged[random.below(damaged.length)] = random.below(256);
			const { config } = sessionHints(damaged);
			expect(Object.keys(config).every((key) => key.startsWith('session.') || key.startsWith('optimization.'))).toBe(true);
		}
		expect(sessionHints(new Uint8Array(0))).toEqual({ config: {}, ignored: [] });
	});
});
