import type { AnyPass } from '../core/pass/pass.ts';

/** Every pass of this version by id. A pass is a folder: add its definition here and it is in the page, the CLI and the docs. */
export const passes: ReadonlyMap<string, AnyPass> = new Map<string, AnyPass>([].map((pass: AnyPass) => [pass.id, pass]));
