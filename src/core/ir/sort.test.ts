import { expect, it } from 'vitest';
import { attribute } from './attribute.ts';
import { Graph, Ledger, type Node, type Value } from './graph.ts';
import { sortNodes } from './sort.ts';

const names = (graph: Graph): string => [...graph.nodes()].map((node) => node.name).join(' ');

function relu(graph: Graph, name: string, input: Value | null): Node {
	return graph.append(graph.createNode({ op: 'Relu', name, inputs: [input], outputs: [`${name}_out`] }));
}

it('leaves a sorted graph as it is, and says that nothing changed to the ledger', () => {
	const graph = new Graph(new Ledger(), 'g');
	const a = relu(graph, 'a', graph.addInput('x'));
	relu(graph, 'b', a.output());
	relu(graph, 'c', a.output());
	const { revision } = graph.ledger;
	expect(sortNodes(graph)).toBe(true);
	expect(names(graph)).toBe('a b c');
	expect(graph.ledger.revision).toBe(revision);
});

it('moves what is read before its reader, and keeps the order of the rest', () => {
	const graph = new Graph(new Ledger(), 'g');
	const x = graph.addInput('x');
	const late = graph.createNode({ op: 'Relu', name: 'late', inputs: [x], outputs: ['late_out'] });
	relu(graph, 'first', x);
	relu(graph, 'reader', late.output());
	relu(graph, 'second', x);
	graph.append(late);
	relu(graph, 'third', x);
	expect(sortNodes(graph)).toBe(true);
	expect(names(graph)).toBe('first late reader second third');
	expect(graph.nodeCount).toBe(5);
});

it('counts what a subgraph reads, also two levels down and as its output', () => {
	const ledger = new Ledger();
	const graph = new Graph(ledger, 'g');
	const flag = graph.addInput('flag');
	const late = graph.createNode({ op: 'Relu', name: 'late', inputs: [graph.addInput('x')], outputs: ['late_out'] });
	const inner = new Graph(ledger, 'inner');
	relu(inner, 'deep', late.output());
	const branch = new Graph(ledger, 'branch');
	const innerIf = { then_branch: attribute.graph(inner), else_branch: attribute.graph(new Graph(ledger, 'empty')) };
	branch.append(branch.createNode({ op: 'If', name: 'inner_if', inputs: [flag], outputs: 1, attributes: innerIf }));
	const other = new Graph(ledger, 'other');
	const outerIf = { then_branch: attribute.graph(branch), else_branch: attribute.graph(other) };
	graph.append(graph.createNode({ op: 'If', name: 'outer_if', inputs: [flag], outputs: 1, attributes: outerIf }));
	graph.append(late);
	expect(sortNodes(graph)).toBe(true);
	expect(names(graph)).toBe('late outer_if');
});

it('finds a cycle and then changes nothing', () => {
	const graph = new Graph(new Ledger(), 'g');
	const z = relu(graph, 'z', null);
	const a = relu(graph, 'a', null);
	const b = relu(graph, 'b', a.output());
	a.setInput(0, b.output());
	z.setInput(0, b.output());
	expect(sortNodes(graph)).toBe(false);
	expect(names(graph)).toBe('z a b');
	const alone = relu(graph, 'alone', null);
	alone.setInput(0, alone.output());
	expect(sortNodes(graph)).toBe(false);
});

it('sorts a chain of 50,000 nodes that stands backwards, without the call stack', () => {
	const graph = new Graph(new Ledger(), 'g');
	let value = graph.addInput('x');
	for (let i = 0; i < 50_000; i++) {
		const node = graph.createNode({ op: 'Relu', name: `n${i}`, inputs: [value], outputs: [`v${i}`] });
		graph.prepend(node);
		value = node.output();
	}
	expect(sortNodes(graph)).toBe(true);
	let index = 0;
	for (const node of graph.nodes()) if (node.name !== `n${index++}`) throw new Error(`${node.name} stands at ${index - 1}`);
	expect(index).toBe(50_000);
});

it('places a node that stands in the list already, next to itself too', () => {
	const graph = new Graph(new Ledger(), 'g');
	const [a, b, c] = ['a', 'b', 'c'].map((name) => relu(graph, name, null)) as [Node, Node, Node];
	const after = (step: () => void): string => {
		step();
		return `${names(graph)} ${graph.nodeCount}`;
	};
	expect(after(() => graph.append(c))).toBe('a b c 3');
	expect(after(() => graph.prepend(a))).toBe('a b c 3');
	expect(after(() => graph.append(a))).toBe('b c a 3');
	expect(after(() => graph.prepend(a))).toBe('a b c 3');
	expect(after(() => graph.insertBefore(c, b))).toBe('a b c 3');
	expect(after(() => graph.insertAfter(a, b))).toBe('a b c 3');
	expect(after(() => graph.insertBefore(b, b))).toBe('a b c 3');
	expect(after(() => graph.insertAfter(b, b))).toBe('a b c 3');
	expect(after(() => graph.insertBefore(a, c))).toBe('c a b 3');
	expect(after(() => graph.insertAfter(b, c))).toBe('a b c 3');
});
