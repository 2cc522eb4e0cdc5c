// Finds a Chromium for the end-to-end tests, or installs the system's one.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const usual = [
	'/usr/bin/chromium',
	'/usr/bin/chromium-browser',
	'/usr/bin/google-chrome',
	'/usr/bin/google-chrome-stable',
	'/snap/bin/chromium',
	'/Applications/Chromium.app/Contents/MacOS/Chromium',
	'/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
	'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
	'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/** Path of a Chromium; installs the system package when there is none and we may. Throws with what to do. */
export function findChromium() {
	const named = process.env.CHROMIUM_PATH;
	if (named) {
		if (!existsSync(named)) throw new Error(`CHROMIUM_PATH is ${named}, which does not exist.`);
		return named;
	}
	const found = usual.find((path) => existsSync(path));
	if (found) return found;
	installPackage('chromium');
	const installed = usual.find((path) => existsSync(path));
	if (installed) return installed;
	throw new Error('No Chromium found. Install Chromium or Chrome, or set CHROMIUM_PATH to its program.');
}

/** Installs a system package with apt-get; does nothing where there is none or we are not root. Tells whether it worked. */
export function installPackage(name) {
	if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
	console.log(`Installing the system package ${name}.`);
	const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
	const run = (...parts) => spawnSync('apt-get', parts, { stdio: ['ignore', 'ignore', 'inherit'], env: environment }).status === 0;
	return run('install', '-y', '--no-install-recommends', name) || (run('update') && run('install', '-y', '--no-install-recommends', name));
}
