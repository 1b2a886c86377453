import { DefaultRenderer, Listr } from 'listr2';
import type { Output } from './output.ts';
import { plainLine } from './plain-text.ts';
import { RolloutBoard } from './rollout-board.ts';
import type { RolloutReporter } from './rollout-reporter.ts';

/** Notices that are drawn above the board while it changes; all of them stay once it is over. */
const DRAWN_NOTICES = 10;

/** Redraws a board of hosts and steps on the terminal. */
export function liveReporter(hosts: readonly string[], output: Output): RolloutReporter {
  const board = new RolloutBoard(hosts);
  const notices: string[] = [];
  let frame = 0;
  let isPaused = false;
  let isOver = false;
  const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

  /** listr2 draws, hides the cursor and keeps stray output apart; what is drawn is the board. */
  class BoardRenderer extends DefaultRenderer {
    override update(): void {
      if (!isPaused) super.update();
    }

    override async render(): Promise<void> {
      await super.render();
      output.drawing = {
        pause: () => {
          isPaused = true;
          super.update();
        },
        resume: () => {
          isPaused = false;
        },
      };
    }

    override end(): void {
      output.drawing = null;
      isOver = true;
      super.end();
    }

    override create(): string {
      if (isPaused) return '';
      frame += 1;
      const glyph = spinner[frame % spinner.length] ?? '';
      // What hooks say may be longer than the terminal is high, and could not be drawn over then.
      const drawn = isOver ? notices : notices.slice(-DRAWN_NOTICES);
      return [...drawn, ...board.lines(output.columns - 1, glyph, output.paint)].join('\n');
    }
  }

  return {
    observer: {
      hostStep: (...step) => board.hostStep(...step),
      hostNotice: (host, text) => notices.push(` ${host}: ${plainLine(text)}`),
      hostOutcome: (host, outcome) => board.hostOutcome(host, outcome),
    },
    show: async <T>(work: () => Promise<T>): Promise<T> => {
      const results: T[] = [];
      const tasks = new Listr([{ title: 'rollout', task: async () => void results.push(await work()) }], {
        renderer: BoardRenderer,
        registerSignalListeners: false,
      });
      await tasks.run();
      const [result] = results;
      if (result === undefined) throw new Error('the rollout ended without a result');
      return result;
    },
  };
}
