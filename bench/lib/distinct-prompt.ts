/** What tells one prompt from all others stands at its beginning: nothing of it is in a cache of prefixes. */
export function distinctPrompt(numbers: readonly number[], text: string): string {
  return `${numbers.map(String).join('-')} ${text}`;
}
