#!/usr/bin/env node
// Adds what a lock file lacks that was written against a registry without the packages of other platforms: an entry for
// each optional dependency that is missing. Without them `npm ci` refuses the file, on every platform. Such an entry has
// a version but no integrity, since the package could not be seen. Run by hand after `npm install`; changes nothing when
// nothing is missing.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const text = readFileSync(file, 'utf8');
const lock = JSON.parse(text);
const systems = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'aix', 'win32'];
const processors = ['arm64', 'arm', 'x64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'mips64el'];
let added = 0;

for (const [path, entry] of Object.entries({ ...lock.packages })) {
	for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
		if (lock.packages[`${path}/node_modules/${name}`] || lock.packages[`node_modules/${name}`]) continue;
		if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${name} of ${path} is missing and has no exact version (${version})`);
		const words = name.split('/').at(-1).split('-');
		const os = systems.find((system) => words.includes(system));
		const cpu = processors.find((processor) => words.includes(processor));
		if (!os || !cpu) throw new Error(`${name} of ${path} is missing and does not say its platform`);
		const libc =
			os !== 'linux'
				? undefined
				: words.some((word) => word.startsWith('musl'))
					? 'musl'
					: words.some((word) => word.startsWith('gnu'))
						? 'glibc'
						: undefined;
		lock.packages[`node_modules/${name}`] = {
			version,
			cpu: [cpu],
			...(entry.dev ? { dev: true } : {}),
			...(libc ? { libc: [libc] } : {}),
			license: entry.license,
			optional: true,
			os: [os],
		};
		added++;
	}
}
if (added > 0) {
	lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
	const indent = /^[{]\n([ \t]+)/.exec(text)?.[1] ?? '  ';
	writeFileSync(file, `${JSON.stringify(lock, null, indent)}\n`);
}
console.log(added === 0 ? 'The lock file is complete.' : `${added} packages of other platforms added to the lock file.`);
