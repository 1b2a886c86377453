import type { Paint } from './colours.ts';
import { plainLine, plainText } from './plain-text.ts';

const LEVELS: readonly (readonly [minimum: number, word: string])[] = [
  [50, 'error'],
  [40, 'warn'],
  [30, 'info'],
  [0, 'debug'],
];

/** The same for every line of a process. */
const UNINTERESTING = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg']);

function parseObject(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function shown(value: unknown): string {
  return plainLine(typeof value === 'string' ? value : JSON.stringify(value));
}

/** An error's message and stack, which a log line carries as an object. */
function stackOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('stack' in value)) return '';
  return typeof value.stack === 'string' ? `\n${plainText(value.stack)}` : '';
}

/** A line of a log for a person: the agent's JSON as time, level, message and what belongs to it. */
export function logLine(line: string, paint: Paint): string {
  const entry = parseObject(line);
  if (entry === null || typeof entry['time'] !== 'number' || typeof entry['level'] !== 'number') {
    return plainText(line);
  }
  const { time, level } = entry;
  const word = LEVELS.find(([minimum]) => level >= minimum)?.[1] ?? 'debug';
  const colour = word === 'error' ? 'red' : word === 'warn' ? 'yellow' : 'dim';
  const rest = Object.entries(entry)
    .filter(([key]) => !UNINTERESTING.has(key) && key !== 'err')
    .map(([key, value]) => `${key}=${shown(value)}`);
  const clock = new Date(time).toTimeString().slice(0, 8);
  const message = shown(entry['msg'] ?? '');
  const start = `${paint('dim', clock)} ${paint(colour, word.padEnd(5))} ${message}`;
  return [start, rest.length === 0 ? '' : ` ${paint('dim', rest.join(' '))}`, stackOf(entry['err'])].join('');
}
