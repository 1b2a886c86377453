import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import type { InventoryProblem } from './inventory-problem.ts';

/** Keys and indexes from the top of the file. */
export type Path = readonly (string | number)[];

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Enough for any honest file; a few kilobytes of nested aliases can stand for gigabytes. */
const MOST_ALIASES = 100;

const EXPLANATIONS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab indents this line; YAML wants spaces',
  MULTIPLE_DOCS: 'a second YAML document begins here; an inventory is one',
};

export function formatPath(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

/** A parsed YAML file that still knows where everything stood. */
export class YamlSource {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(text: string) {
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false,
      version: '1.2',
    });
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #placeOf(node: unknown): Place | null {
    if (!isNode(node) || node.range === null || node.range === undefined) return null;
    return this.#place(node.range[0]);
  }

  /** What the YAML itself has wrong: syntax, and keys that stand twice. */
  problems(): InventoryProblem[] {
    const problems = [...this.#document.errors, ...this.#document.warnings].map((error) => {
      const { line, column } = this.#place(error.pos[0]);
      const message = EXPLANATIONS[error.code] ?? error.message.split('\n')[0] ?? error.code;
      return { line, column, path: '', message, suggestion: null };
    });
    return [...problems, ...this.#keyProblems()];
  }

  #keyProblems(): InventoryProblem[] {
    const problems: InventoryProblem[] = [];
    visit(this.#document, {
      Map: (_, map, ancestors) => {
        const firstLines = new Map<string, number>();
        const parent = this.#pathOf(ancestors);
        for (const pair of map.items) {
          const place = this.#placeOf(pair.key) ?? { line: 1, column: 1 };
          const key = keyText(pair);
          if (!isScalar(pair.key)) {
            problems.push({
              ...place,
              path: formatPath(parent),
              message: 'a key is plain text',
              suggestion: null,
            });
            continue;
          }
          const firstLine = firstLines.get(key);
          if (firstLine === undefined) {
            firstLines.set(key, place.line);
            continue;
          }
          const isHost = parent.length === 1 && parent[0] === 'hosts';
          const lines = `on lines ${firstLine} and ${place.line}`;
          problems.push({
            ...place,
            path: formatPath([...parent, key]),
            message: isHost ? `two hosts are named "${key}", ${lines}` : `"${key}" stands twice, ${lines}`,
            suggestion: null,
          });
        }
      },
    });
    return problems;
  }

  #pathOf(ancestors: readonly unknown[]): (string | number)[] {
    const path: (string | number)[] = [];
    for (const [index, ancestor] of ancestors.entries()) {
      const child = ancestors[index + 1];
      if (isMap(ancestor)) {
        const pair = ancestor.items.find((item) => item === child);
        if (pair !== undefined) path.push(keyText(pair));
      } else if (isSeq(ancestor) && child !== undefined) {
        path.push(ancestor.items.indexOf(child));
      }
    }
    return path;
  }

  /** Throws a ReferenceError when aliases stand for too much. */
  toValue(): unknown {
    return this.#document.toJS({ maxAliasCount: MOST_ALIASES });
  }

  /** Where the key stands, or the item of a list; null when there is none at this path. */
  placeOfKey(path: Path): Place | null {
    return this.#find(path)?.key ?? null;
  }

  /** Where the value begins; of a missing one, where the nearest enclosing key stands. */
  placeOfValue(path: Path): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const found = this.#find(path.slice(0, length));
      if (found !== null) return length === path.length ? (found.value ?? found.key) : found.key;
    }
    return { line: 1, column: 1 };
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #find(path: Path): { key: Place; value: Place | null } | null {
    let node: unknown = this.#document.contents;
    let found: { key: Place; value: Place | null } | null = null;
    for (const part of path) {
      const container = this.#resolve(node);
      let key: unknown = null;
      if (isMap(container)) {
        const pair = container.items.find((item) => keyText(item) === String(part));
        if (pair === undefined) return null;
        ({ key, value: node } = pair);
      } else if (isSeq(container) && typeof part === 'number') {
        node = container.items[part];
        key = node;
      } else {
        return null;
      }
      const keyPlace = this.#placeOf(key);
      if (keyPlace === null) return null;
      found = { key: keyPlace, value: this.#placeOf(node) };
    }
    return found;
  }
}
