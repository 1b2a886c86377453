/** The `data:` payloads of an SSE text, `[DONE]` and comments included as they are. */
export function readEvents(text: string): string[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''));
}
