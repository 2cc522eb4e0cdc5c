import { Dialog } from '../ui/Dialog.tsx';
import { type Command, keysText } from './commands.ts';

/** Every key, and how to check that nothing is sent. */
export function HelpDialog({ commands, onClose }: { readonly commands: readonly Command[]; readonly onClose: () => void }) {
	const groups = [...new Set(commands.map((command) => command.group))];
	return (
		<Dialog title="Keys and help" onClose={onClose}>
			<div className="help-groups">
				{groups.map((group) => (
					<section key={group}>
						<h3>{group}</h3>
						<dl className="facts">
							{commands
								.filter((command) => command.group === group && command.keys)
								.map((command) => (
									<div key={command.id}>
										<dt>{command.title}</dt>
										<dd>
											<kbd>{keysText(command.keys ?? '')}</kbd>
										</dd>
									</div>
								))}
						</dl>
					</section>
				))}
				<section>
					<h3>Chart</h3>
					<dl className="facts">
						<div>
							<dt>Move between variants</dt>
							<dd>
								<kbd>←</kbd> <kbd>→</kbd>
							</dd>
						</div>
						<div>
							<dt>Select</dt>
							<dd>
								<kbd>Enter</kbd>
							</dd>
						</div>
						<div>
							<dt>Compare view: A, both, B</dt>
							<dd>
								<kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd>
							</dd>
						</div>
					</dl>
				</section>
			</div>
			<h3>Is nothing sent?</h3>
			<p>
				Models, examples and figures stay in this browser. The page's security policy forbids requests to any other address; open your
				browser's network panel, or switch the network off: everything goes on working.
			</p>
			<h3>How are figures measured?</h3>
			<p>
				Every variant is run by the same runtime that would run it in a web page. Timings alternate between original and variants, so that a
				busy machine shifts both; the ratio carries a 95 % interval, and where that interval holds 1 Pare says “no measurable difference”.
				Accuracy needs labelled examples of your own; on synthetic inputs Pare shows fidelity to the original and says so.
			</p>
		</Dialog>
	);
}
