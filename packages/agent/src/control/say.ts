/** Tells the script that started this program: one JSON object a line. */
export function say(event: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
