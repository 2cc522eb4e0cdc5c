/** Whether JSON is the start of a tokenizer.json: looked at by its name, or by the fields that such a file begins with. */
export function looksLikeTokenizer(name: string, head: string): boolean {
	return (
		/(^|[./\\_-])tokenizer\.json$/i.test(name) || (/^\s*\{\s*"version"/.test(head) && /"(truncation|padding|added_tokens)"/.test(head))
	);
}
