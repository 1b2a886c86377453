/** The part of a zod issue that is looked at. */
export interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Of a union: what each of its options says. */
  readonly errors?: readonly (readonly Issue[])[];
  /** Of a name in a record: what is wrong with it. */
  readonly issues?: readonly Issue[];
  readonly keys?: readonly string[];
  readonly expected?: string;
  readonly values?: readonly unknown[];
  /** Of a union that a field tells apart: the values of that field. */
  readonly options?: readonly unknown[];
  /** What is too small or too big: a number, a string, an array. */
  readonly origin?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly inclusive?: boolean;
  readonly pattern?: string;
}

const COUNTED: Readonly<Record<string, string>> = { string: 'character', array: 'item' };
const DIGITS = String(/^\d+$/);

/** What is wrong, in plain words that go on after the name of the field: "must have at least 1 item". */
export function issueText(issue: Issue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'there is no such field';
    case 'too_small':
      return boundText(issue, issue.inclusive === false ? 'above' : 'at least', issue.minimum);
    case 'too_big':
      return boundText(issue, issue.inclusive === false ? 'below' : 'at most', issue.maximum);
    case 'invalid_value':
      return oneOf(issue.values ?? []);
    case 'invalid_key':
      return nameText(issue.issues?.[0]);
    case 'invalid_type':
      if (issue.expected === 'int') return 'must be a whole number';
      if (issue.expected === 'record') return plain(issue).replace('record', 'object');
      break;
    case 'invalid_union':
      if (issue.options !== undefined) return oneOf(issue.options);
      break;
  }
  return plain(issue);
}

function nameText(fault: Issue | undefined): string {
  if (fault?.pattern === DIGITS) return 'this name must be a whole number';
  return fault?.code === 'too_big' ? `this name ${issueText(fault)}` : 'this name is not allowed';
}

function plain({ message }: Issue): string {
  return message.replace(/^Invalid input(: )?/, '') || 'none of the allowed forms';
}

function boundText({ origin = '' }: Issue, relation: string, bound: number | bigint = 0): string {
  const unit = COUNTED[origin];
  if (unit === undefined) return `must be ${relation} ${String(bound)}`;
  return `must have ${relation} ${String(bound)} ${unit}${Number(bound) === 1 ? '' : 's'}`;
}

/** A field that may be absent or null has those among its values, which nobody would send to say something. */
function oneOf(all: readonly unknown[]): string {
  const values = all.filter((value) => value != null);
  return `must be ${values.length > 1 ? 'one of ' : ''}${values.map(String).join(', ')}`;
}
