export { standardSet } from '../../passes/standard-set.ts';
