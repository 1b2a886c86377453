/** What becomes of something: it is added, removed, or changed. */
export type DiffSign = '+' | '-' | '~';

/** Part of a dry run that is about one kind of thing, in the order in which people see them. */
export type SectionName =
  | 'release'
  | 'environments'
  | 'configuration'
  | 'models'
  | 'service'
  | 'removal'
  | 'room'
  | 'hooks';

/** A line of a dry run. Null as a sign is a remark, or a line that stays and shows where the next one stands. */
export interface DiffLine {
  readonly sign: DiffSign | null;
  readonly text: string;
}

/** Something that a deploy would change, with what changes in it. */
export interface DiffEntry extends DiffLine {
  readonly details: readonly DiffLine[];
}

export interface PlanSection {
  readonly name: SectionName;
  /** Never empty. */
  readonly entries: readonly DiffEntry[];
}

/** An entry of which there is no more to say. */
export function entry(sign: DiffSign | null, text: string, details: readonly DiffLine[] = []): DiffEntry {
  return { sign, text, details };
}

/** Something that two maps differ in. */
export interface Difference {
  readonly sign: DiffSign;
  readonly name: string;
}

/** What was added, removed and changed between two maps, by name. */
export function compareByName<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
  isSame: (left: Value, right: Value) => boolean = (left, right) => left === right,
): Difference[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted((left, right) =>
    left < right ? -1 : 1,
  );
  return names.flatMap((name): Difference[] => {
    const [old, young] = [before.get(name), after.get(name)];
    if (young === undefined) return [{ sign: '-', name }];
    if (old === undefined) return [{ sign: '+', name }];
    return isSame(old, young) ? [] : [{ sign: '~', name }];
  });
}
