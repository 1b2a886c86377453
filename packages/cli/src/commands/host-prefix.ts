import type { Colour, Paint } from '../output/colours.ts';
import { pad, textWidth } from '../output/text-width.ts';

const COLOURS: readonly Colour[] = ['cyan', 'green', 'yellow'];

/** Puts the name of its host before a line, where there are several hosts. */
export class HostPrefix {
  readonly #prefixes: ReadonlyMap<string, string>;

  constructor(hosts: readonly string[], paint: Paint) {
    const width = Math.max(0, ...hosts.map(textWidth));
    this.#prefixes = new Map(
      hosts.length < 2
        ? []
        : hosts.map((name, index) => [
            name,
            `${paint(COLOURS[index % COLOURS.length] ?? 'cyan', pad(name, width))}  `,
          ]),
    );
  }

  line(host: string, text: string): string {
    return `${this.#prefixes.get(host) ?? ''}${text}`;
  }
}
