import { readFileSync } from 'node:fs';
import { type AgentConfig, agentConfigSchema, CodedError, keysAt, nearestName } from '@mlxfleet/protocol';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { PROCESS_ERRORS } from '../errors.ts';

/** Enough for any honest file; a few kilobytes of nested aliases can stand for gigabytes. */
const MOST_ALIASES = 100;

type Path = readonly PropertyKey[];

/**
 * Reads shared/config.yaml. A missing file means the defaults.
 * @throws CodedError CONFIG_UNREADABLE or CONFIG_INVALID; the latter names file, line, path and the nearest key.
 */
export function readConfig(file: string): AgentConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return agentConfigSchema.parse({ version: 1 });
    }
    throw new CodedError(PROCESS_ERRORS.CONFIG_UNREADABLE, `cannot read ${file}`, { cause: error });
  }
  return parseConfig(text, file);
}

/** The same for a text at hand; `file` appears in errors only. */
export function parseConfig(text: string, file: string): AgentConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problem = document.errors[0];
  if (problem !== undefined) {
    throw invalid([`${file}:${String(lines.linePos(problem.pos[0]).line)}: ${firstLine(problem.message)}`]);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (error) {
    throw invalid([`${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const parsed = agentConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(
    parsed.error.issues.flatMap((issue) => {
      if (issue.code !== 'unrecognized_keys') {
        return [`${place(file, document, lines, issue.path)}${issue.message}`];
      }
      return issue.keys.map((key) => {
        const nearest = nearestName(key, keysAt(agentConfigSchema, issue.path));
        const advice = nearest === null ? '' : `; did you mean ${nearest}?`;
        return `${place(file, document, lines, [...issue.path, key])}unknown key${advice}`;
      });
    }),
  );
}

function invalid(problems: readonly string[]): CodedError {
  return new CodedError(PROCESS_ERRORS.CONFIG_INVALID, problems.join('\n'));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** `file:line: path: `, with the line of the deepest part of the path that the file holds. */
function place(file: string, document: Document.Parsed, lines: LineCounter, path: Path): string {
  let line = 1;
  for (let length = path.length; length > 0; length -= 1) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) {
      line = lines.linePos(node.range[0]).line;
      break;
    }
  }
  const dotted = path.map(String).join('.');
  return `${file}:${String(line)}: ${dotted === '' ? '' : `${dotted}: `}`;
}
