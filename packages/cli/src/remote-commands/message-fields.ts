/** One JSON line of a script. */
export type ScriptMessage = Readonly<Record<string, unknown>>;

/** A text field; empty when it is missing or something else. */
export function textField(message: ScriptMessage, key: string): string {
  const value = message[key];
  return typeof value === 'string' ? value : '';
}

/** Same, null when it is missing, empty or something else. */
export function textFieldOrNull(message: ScriptMessage, key: string): string | null {
  const value = textField(message, key);
  return value === '' ? null : value;
}

/** Reads a line as a JSON object; null when it is none. */
export function parseMessage(line: string): ScriptMessage | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
