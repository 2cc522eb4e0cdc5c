import { useId, useState } from 'react';
import { Dialog } from '../ui/Dialog.tsx';
import { type Command, keysText } from './commands.ts';

/** All commands by name: type, arrow keys, Enter. */
export function Palette({ commands, onClose }: { readonly commands: readonly Command[]; readonly onClose: () => void }) {
	const [text, setText] = useState('');
	const [at, setAt] = useState(0);
	const listId = useId();
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const found = commands.filter(
		(command) => command.enabled && command.id !== 'palette' && words.every((word) => command.title.toLowerCase().includes(word)),
	);
	const run = (command: Command | undefined): void => {
		if (!command) return;
		onClose();
		// After the dialog has given the focus back.
		setTimeout(command.run);
	};
	return (
		<Dialog title="Find a command" onClose={onClose} className="palette">
			<input
				type="text"
				role="combobox"
				aria-expanded="true"
				aria-controls={listId}
				aria-activedescendant={found[at] ? `${listId}-${found[at].id}` : undefined}
				aria-label="Command"
				autoFocus
				value={text}
				onChange={(event) => {
					setText(event.target.value);
					setAt(0);
				}}
				onKeyDown={(event) => {
					if (event.key === 'ArrowDown') setAt(Math.min(found.length - 1, at + 1));
					else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1));
					else if (event.key === 'Enter') run(found[at]);
					else return;
					event.preventDefault();
				}}
			/>
			<div role="listbox" id={listId} aria-label="Commands" className="palette-list">
				{found.map((command, index) => (
					<div
						key={command.id}
						id={`${listId}-${command.id}`}
						role="option"
						tabIndex={-1}
						aria-selected={index === at}
						onClick={() => run(command)}
						onKeyDown={undefined}
					>
						<span>{command.title}</span>
						{command.keys && <kbd>{keysText(command.keys)}</kbd>}
					</div>
				))}
			</div>
			{found.length === 0 && <p className="muted">No command is called that.</p>}
		</Dialog>
	);
}
