import type { DeployObserver, DeployStep, HostOutcome, StepState } from '../deploy-types/deploy-observer.ts';
import type { Colour, Paint } from './colours.ts';
import { plainLine } from './plain-text.ts';
import { pad, textWidth, truncate, wrap } from './text-width.ts';

interface StepRow {
  readonly step: DeployStep;
  state: StepState;
  detail: string;
}

interface HostRows {
  readonly steps: StepRow[];
  outcome: HostOutcome | null;
}

const STEP_WIDTH = 'healthy'.length;
const GLYPHS: Readonly<Record<StepState, { glyph: string; colour: Colour }>> = {
  begin: { glyph: '', colour: 'cyan' },
  progress: { glyph: '', colour: 'cyan' },
  done: { glyph: '✔', colour: 'green' },
  failed: { glyph: '✖', colour: 'red' },
};

/** What is known of a rollout so far; drawn as often as wanted, on any width. */
export class RolloutBoard implements DeployObserver {
  readonly #hosts: Map<string, HostRows>;
  readonly #nameWidth: number;

  constructor(hosts: readonly string[]) {
    this.#hosts = new Map(hosts.map((name) => [name, { steps: [], outcome: null }]));
    this.#nameWidth = Math.max(0, ...hosts.map(textWidth));
  }

  #rowsOf(host: string): HostRows {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const rows: HostRows = { steps: [], outcome: null };
    this.#hosts.set(host, rows);
    return rows;
  }

  hostStep(host: string, step: DeployStep, state: StepState, detail: string): void {
    const { steps } = this.#rowsOf(host);
    const last = steps.at(-1);
    const text = plainLine(detail);
    if (last?.step === step && last.state !== 'done' && last.state !== 'failed') {
      last.state = state;
      if (text !== '' || state === 'begin') last.detail = text;
    } else {
      steps.push({ step, state, detail: text });
    }
  }

  /** Notices stand above the board, see the reporters. */
  hostNotice(): void {}

  hostOutcome(host: string, outcome: HostOutcome): void {
    const rows = this.#rowsOf(host);
    rows.outcome = outcome;
    const last = rows.steps.at(-1);
    if (last === undefined || last.state === 'done' || last.state === 'failed') return;
    // Nothing goes on any more, whether or not its end was told.
    last.state = outcome.error === null ? 'done' : 'failed';
    if (outcome.error !== null) last.detail = plainLine(outcome.error.message.split('\n')[0] ?? '');
  }

  /** Lines of at most `columns` cells. `spinner` stands for what is going on. */
  lines(columns: number, spinner: string, paint: Paint): string[] {
    return [...this.#hosts].flatMap(([name, rows]) => this.#hostLines(name, rows, columns, spinner, paint));
  }

  #hostLines(name: string, rows: HostRows, columns: number, spinner: string, paint: Paint): string[] {
    const margin = this.#nameWidth + 3;
    const label = (index: number): string => ` ${pad(index === 0 ? name : '', this.#nameWidth)}  `;
    if (rows.steps.length === 0) {
      const text = rows.outcome === null ? 'waiting' : this.#outcomeText(rows.outcome);
      return [label(0) + paint('dim', truncate(text, columns - margin))];
    }
    return rows.steps.flatMap((row, index) => {
      const { glyph, colour } = GLYPHS[row.state];
      const head = `${paint(colour, glyph === '' ? spinner : glyph)} ${pad(row.step, STEP_WIDTH)}  `;
      const room = Math.max(10, columns - margin - STEP_WIDTH - 4);
      // A failure is read in full; of anything else one line is enough.
      const texts = row.state === 'failed' ? wrap(row.detail, room) : [row.detail];
      return texts.map((text, part) =>
        part === 0
          ? `${label(index)}${head}${truncate(text, room)}`.trimEnd()
          : `${' '.repeat(margin + STEP_WIDTH + 4)}${truncate(text, room)}`,
      );
    });
  }

  #outcomeText(outcome: HostOutcome): string {
    return outcome.error === null
      ? outcome.outcome
      : `${outcome.outcome}: ${plainLine(outcome.error.message)}`;
  }
}
