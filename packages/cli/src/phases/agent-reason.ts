/** Why an agent did not start, in its own words: it ends its log with them. */
export interface AgentReason {
  readonly code: string;
  /** One line a problem. */
  readonly message: string;
  /** What to do about it; empty when the agent does not say. */
  readonly hint: string;
}

const BEGINNING = /^error ([A-Z][A-Z0-9_]*): (.*)$/;

/** The last reason in the lines of an agent's log; null when there is none, as after a kill or a crash. */
export function agentReason(log: string): AgentReason | null {
  const lines = log.split('\n');
  const begin = lines.findLastIndex((line) => BEGINNING.test(line));
  const [, code, first] = BEGINNING.exec(lines[begin] ?? '') ?? [];
  if (code === undefined || first === undefined) return null;
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => line === '' || line.startsWith('  ') || line.startsWith('{'));
  const more = end === -1 ? rest : rest.slice(0, end);
  const after = end === -1 ? '' : (rest[end] ?? '');
  return {
    code,
    message: [first, ...more].join('\n'),
    hint: after.startsWith('  ') ? after.trim() : '',
  };
}

const MOST_PROBLEMS = 4;

/** What failed and why: one problem on the same line, several below, no more than a few. */
export function withAgentReason(what: string, { message }: AgentReason): string {
  const problems = message.split('\n');
  if (problems.length === 1) return `${what}: ${message}`;
  const left = problems.length - MOST_PROBLEMS;
  const shown = problems.slice(0, MOST_PROBLEMS).map((problem) => `  ${problem}`);
  return [`${what}:`, ...shown, ...(left > 0 ? [`  and ${String(left)} more`] : [])].join('\n');
}

/** The agent's advice, and where the rest of its words are. */
export function hintOfReason({ hint }: AgentReason): string {
  return `${hint} All that it said: \`mlxfleet logs HOST\`.`.trimStart();
}

const MOST_LAST_WORDS = 4;

/** The lines of a program's output that say most about its end: without frames of stacks, the last few. */
export function lastWords(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v/.test(line))
    .slice(-MOST_LAST_WORDS);
}
