import { useEffect, useRef } from 'react';
import type { Command } from './commands.ts';

/** Keys of the commands, ignored while somebody types and while a dialog is open (which closes on Escape by itself). */
export function useShortcuts(commands: () => readonly Command[], active: boolean): void {
	const current = useRef({ commands, active });
	current.current = { commands, active };
	useEffect(() => {
		const onKeyDown = (event: KeyboardEvent): void => {
			if (event.defaultPrevented || event.altKey) return;
			const mod = event.ctrlKey || event.metaKey;
			if (!mod && isTyping(event.target)) return;
			// A dialog of a view closes on Escape by itself, and keeps other keys to itself.
			if (!mod && document.querySelector('dialog[open]')) return;
			const pressed = pressedKeys(event, mod);
			const command = current.current.commands().find((entry) => entry.enabled && entry.keys?.toLowerCase() === pressed);
			if (!command || (!current.current.active && !mod)) return;
			if (isTyping(event.target) && (command.id === 'undo' || command.id === 'redo')) return;
			event.preventDefault();
			command.run();
		};
		window.addEventListener('keydown', onKeyDown);
		return () => window.removeEventListener('keydown', onKeyDown);
	}, []);
}

function pressedKeys(event: KeyboardEvent, mod: boolean): string {
	const key = event.key.toLowerCase();
	const letter = /^[a-z]$/.test(key) || key === 'enter';
	return `${event.shiftKey && letter && mod ? 'shift+' : ''}${mod ? 'mod+' : ''}${key}`;
}

function isTyping(target: EventTarget | null): boolean {
	if (!(target instanceof HTMLElement)) return false;
	if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
	return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range'].includes(target.type);
}
