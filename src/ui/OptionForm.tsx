import { useEffect, useId, useState } from 'react';

/** One option as a form needs it; the options schemas of passes give exactly this. */
export type FormField = {
	readonly key: string;
	readonly title: string;
	readonly help: string;
	readonly advanced?: boolean;
	readonly unit?: string;
	readonly step?: number;
} & (
	| { readonly kind: 'flag'; readonly default: boolean }
	| {
			readonly kind: 'choice';
			readonly default: string | number;
			readonly choices: readonly { readonly value: string | number; readonly label: string }[];
	  }
	| { readonly kind: 'number'; readonly default: number; readonly min: number; readonly max: number; readonly integer: boolean }
	| { readonly kind: 'names'; readonly default: readonly string[] }
	| { readonly kind: 'shares'; readonly default: Readonly<Record<string, number>>; readonly max: number }
);

export interface OptionFormProps {
	readonly fields: readonly FormField[];
	readonly values: Readonly<Record<string, unknown>>;
	/** Called with the value, or undefined where the default is wanted again. */
	readonly onChange: (key: string, value: unknown) => void;
	/** Message at a field that validation refused. */
	readonly error?: { readonly field: string; readonly reason: string } | undefined;
	readonly disabled?: boolean;
}

/** A form made from an options schema; rarely needed fields are folded. */
export function OptionForm({ fields, values, onChange, error, disabled = false }: OptionFormProps) {
	const plain = fields.filter((field) => !field.advanced);
	const advanced = fields.filter((field) => field.advanced);
	const draw = (field: FormField) => (
		<Field
			key={field.key}
			field={field}
			value={values[field.key]}
			onChange={(value) => onChange(field.key, value)}
			error={error?.field.split('.')[0] === field.key ? error.reason : undefined}
			disabled={disabled}
		/>
	);
	return (
		<div className="option-form">
			{plain.map(draw)}
			{advanced.length > 0 && (
				<details open={advanced.some((field) => error?.field.startsWith(field.key)) || undefined}>
					<summary>Advanced</summary>
					{advanced.map(draw)}
				</details>
			)}
		</div>
	);
}

interface FieldProps {
	readonly field: FormField;
	readonly value: unknown;
	readonly onChange: (value: unknown) => void;
	readonly error: string | undefined;
	readonly disabled: boolean;
}

function Field({ field, value, onChange, error, disabled }: FieldProps) {
	const id = useId();
	const described = `${id}-help`;
	return (
		<div className={`option ${field.kind}${error ? ' invalid' : ''}`}>
			<label htmlFor={id}>{field.title}</label>
			<Control
				field={field}
				value={value}
				onChange={onChange}
				id={id}
				describedBy={described}
				disabled={disabled}
				invalid={error !== undefined}
			/>
			<p id={described} className="option-help">
				{error ? <strong className="bad">{error}. </strong> : null}
				{field.help}
			</p>
		</div>
	);
}

interface ControlProps {
	readonly field: FormField;
	readonly value: unknown;
	readonly onChange: (value: unknown) => void;
	readonly id: string;
	readonly describedBy: string;
	readonly disabled: boolean;
	readonly invalid: boolean;
}

function Control({ field, value, onChange, id, describedBy, disabled, invalid }: ControlProps) {
	const common = { id, disabled, 'aria-describedby': describedBy, 'aria-invalid': invalid || undefined } as const;
	switch (field.kind) {
		case 'flag':
			return (
				<input
					{...common}
					type="checkbox"
					checked={typeof value === 'boolean' ? value : field.default}
					onChange={(event) => onChange(event.target.checked)}
				/>
			);
		case 'choice':
			return (
				<select
					{...common}
					value={String(value ?? field.default)}
					onChange={(event) => onChange(field.choices.find((choice) => String(choice.value) === event.target.value)?.value)}
				>
					{field.choices.map((choice) => (
						<option key={String(choice.value)} value={String(choice.value)}>
							{choice.label}
						</option>
					))}
				</select>
			);
		case 'number':
			return <NumberControl {...common} field={field} value={typeof value === 'number' ? value : field.default} onChange={onChange} />;
		case 'names':
			return (
				<input
					{...common}
					type="text"
					placeholder="none"
					value={Array.isArray(value) ? value.join(', ') : field.default.join(', ')}
					onChange={(event) => {
						const names = event.target.value.split(',').map((name) => name.trim());
						onChange(names.length === 1 && names[0] === '' ? [] : names);
					}}
					onBlur={() => {
						if (Array.isArray(value)) onChange(value.filter((name) => name !== ''));
					}}
				/>
			);
		case 'shares':
			return <SharesControl {...common} field={field} value={isShares(value) ? value : field.default} onChange={onChange} />;
	}
}

function isShares(value: unknown): value is Readonly<Record<string, number>> {
	return typeof value === 'object' && value !== null && Object.values(value).every((share) => typeof share === 'number');
}

type SharesProps = Omit<ControlProps, 'field' | 'value' | 'describedBy' | 'invalid'> & {
	readonly field: Extract<FormField, { kind: 'shares' }>;
	readonly value: Readonly<Record<string, number>>;
	readonly 'aria-describedby': string;
	readonly 'aria-invalid': boolean | undefined;
};

/** A name and its share on each line. What cannot be read so stays in the box and is said there. */
function SharesControl({ field, value, onChange, ...common }: SharesProps) {
	const text = Object.entries(value)
		.map(([name, share]) => `${name} ${share}`)
		.join('\n');
	const [draft, setDraft] = useState(text);
	const [wrong, setWrong] = useState<string | undefined>();
	useEffect(() => setDraft(text), [text]);
	const commit = (): void => {
		const found: Record<string, number> = {};
		for (const line of draft.split('\n').map((entry) => entry.trim())) {
			if (line === '') continue;
			const [, name, share] = /^(.*\S)\s+(\S+)$/.exec(line) ?? [];
			if (name === undefined || !(Number(share) >= 0 && Number(share) <= field.max)) {
				setWrong(`“${line}” is no name with a share from 0 to ${field.max} behind it`);
				return;
			}
			found[name] = Number(share);
		}
		setWrong(undefined);
		if (JSON.stringify(found) !== JSON.stringify(value)) onChange(found);
	};
	return (
		<>
			<textarea
				{...common}
				aria-invalid={wrong !== undefined || common['aria-invalid']}
				rows={Math.min(8, Math.max(2, draft.split('\n').length))}
				placeholder="none: a name and a share on each line"
				value={draft}
				onChange={(event) => setDraft(event.target.value)}
				onBlur={commit}
			/>
			{wrong && (
				<strong className="bad" role="alert">
					{wrong}.
				</strong>
			)}
		</>
	);
}

type NumberProps = Omit<ControlProps, 'field' | 'value' | 'describedBy' | 'invalid'> & {
	readonly field: Extract<FormField, { kind: 'number' }>;
	readonly value: number;
	readonly 'aria-describedby': string;
	readonly 'aria-invalid': boolean | undefined;
};

/** Slider and box for one number: dragging previews, releasing sets; the box selects its text when it gets the focus. */
function NumberControl({ field, value, onChange, id, disabled, ...aria }: NumberProps) {
	const [draft, setDraft] = useState(String(value));
	useEffect(() => setDraft(String(value)), [value]);
	const step = field.step ?? (field.integer ? 1 : (field.max - field.min) / 100);
	const commit = (text: string): void => {
		const parsed = Number(text);
		if (text.trim() === '' || Number.isNaN(parsed)) setDraft(String(value));
		else if (parsed !== value) onChange(parsed);
	};
	return (
		<span className="number-control">
			<input
				type="range"
				aria-label={`${field.title}, slider`}
				min={field.min}
				max={field.max}
				step={step}
				value={Number(draft) || 0}
				disabled={disabled}
				onChange={(event) => setDraft(event.target.value)}
				onPointerUp={(event) => commit(event.currentTarget.value)}
				onKeyUp={(event) => commit(event.currentTarget.value)}
			/>
			<input
				{...aria}
				id={id}
				type="number"
				min={field.min}
				max={field.max}
				step={step}
				value={draft}
				disabled={disabled}
				onFocus={(event) => event.target.select()}
				onChange={(event) => setDraft(event.target.value)}
				onBlur={(event) => commit(event.target.value)}
				onKeyDown={(event) => {
					if (event.key === 'Enter') commit(event.currentTarget.value);
				}}
			/>
			{field.unit && <span className="muted">{field.unit}</span>}
		</span>
	);
}
