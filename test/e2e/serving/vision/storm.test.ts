import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { chatCompletionChunkSchema, chatCompletionSchema, openAiErrorSchema } from '@mlxfleet/protocol';
import { afterEach, expect, test } from 'vitest';
import { readEvents } from '../../../../packages/agent/src/test-support/read-events.ts';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { Dice } from '../../../support/dice.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import { image, MODEL, type Part, pdf, picture, post, shown, spooled, text } from './requests.ts';

const REQUESTS = 100;
const SECONDS = 8;

/** Set it to a seed that a failure has named, and the same requests come again. */
const SEED = Number(process.env['VISION_STORM_SEED'] ?? randomInt(2 ** 31));

let agent: AgentProcess | undefined;
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});

/** One request of the storm. */
interface Planned {
  /** Milliseconds after the beginning. */
  readonly at: number;
  /** In words, for a failure. */
  readonly shows: readonly string[];
  readonly body: object;
  readonly isStreamed: boolean;
  /** Milliseconds after which its client goes away; null for one that stays to the end. */
  readonly leavesAfter: number | null;
}

/** The texts of all choices, or the code of a refusal. */
type Answer = readonly string[];

interface Shown {
  readonly name: string;
  readonly part: Part;
}

/** Few, so that many requests have the same ones. */
function somethingToSee(dice: Dice, file: MadeFile): Shown {
  if (dice.chance(0.2)) {
    const pages = dice.oneOf(['1', '2-3', '8,1']);
    return { name: `pages ${pages}`, part: pdf(file('report.pdf'), pages) };
  }
  if (dice.chance(0.1)) {
    const name = dice.oneOf(['truncated.png', 'corrupt.png', 'bomb.png'] as const);
    return { name, part: image(file(name)) };
  }
  const seed = dice.below(8);
  return { name: `picture ${String(seed)}`, part: image(picture(seed)) };
}

const WORDS = ['sea', 'ship', 'harbour', '漢字', '🙂', 'What is this?', 'Look closely: '];

function message(dice: Dice, file: MadeFile): { readonly shows: string[]; readonly content: Part[] } {
  const shows: string[] = [];
  const content: Part[] = [text(dice.oneOf(['', 'You are a painter. '.repeat(8)]))];
  for (let count = dice.oneOf([0, 1, 1, 1, 2, 3]); count > 0; count -= 1) {
    const { name, part } = somethingToSee(dice, file);
    shows.push(name);
    content.push(part, text(dice.oneOf(WORDS)));
  }
  content.push(text(dice.oneOf(WORDS)));
  return { shows, content };
}

function plan(dice: Dice, file: MadeFile): Planned {
  const { shows, content } = message(dice, file);
  const messages: object[] = [{ role: 'user', content }];
  if (dice.chance(0.3)) {
    messages.push({ role: 'assistant', content: 'I see.' }, { role: 'user', content: dice.oneOf(WORDS) });
  }
  const leaves = dice.chance(0.25);
  const isStreamed = dice.chance(0.5);
  const body = {
    model: MODEL,
    messages,
    n: dice.oneOf([1, 1, 1, 2]),
    // Of those that leave, many would still run at the end.
    max_tokens: leaves ? 4000 : 1 + dice.below(20),
    ...(dice.chance(0.5) ? { temperature: 0 } : { temperature: 0.8, seed: dice.below(2 ** 31) }),
    ...(isStreamed ? { stream: true } : {}),
  };
  const leavesAfter = leaves ? dice.below(dice.oneOf([20, 300, 1500])) : null;
  return { at: dice.below(SECONDS * 1000), shows, body, isStreamed, leavesAfter };
}

/** Whatever the dice say, one is refused amid the others. */
function broken(file: MadeFile): Planned {
  const body = shown(image(picture(1)), image(file('truncated.png')));
  return { at: SECONDS * 500, shows: ['truncated.png'], body, isStreamed: false, leavesAfter: null };
}

async function ask(
  target: AgentProcess,
  { body, isStreamed }: Planned,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await post(target, body, '/v1/chat/completions', signal);
  const told = await response.text();
  if (!response.ok) return [openAiErrorSchema.parse(JSON.parse(told)).error.code ?? 'no code'];
  if (!isStreamed) {
    const { choices } = chatCompletionSchema.parse(JSON.parse(told));
    return choices.map((choice) => choice.message.content ?? '');
  }
  const texts: string[] = [];
  for (const event of readEvents(told)) {
    if (event === '[DONE]') return texts;
    for (const { index, delta } of chatCompletionChunkSchema.parse(JSON.parse(event)).choices) {
      texts[index] = (texts[index] ?? '') + (delta.content ?? '');
    }
  }
  throw new Error(`a stream has no end: ${told.slice(-500)}`);
}

/** The answer; null for a request whose client went away. */
async function arrive(target: AgentProcess, planned: Planned): Promise<Answer | null> {
  await sleep(planned.at);
  if (planned.leavesAfter === null) return await ask(target, planned);
  await ask(target, planned, AbortSignal.timeout(planned.leavesAfter)).catch((error: unknown) => {
    if (!(error instanceof DOMException)) throw error;
  });
  return null;
}

test(`images, documents, broken files and clients that leave: every answer is the one that it is alone (VISION_STORM_SEED=${String(SEED)})`, async () => {
  const file = await makeFiles();
  const dice = new Dice(SEED);
  const requests = [broken(file), ...Array.from({ length: REQUESTS }, () => plan(dice, file))];
  agent = await startAgent({ models: [MODEL], config: { queue_depth: REQUESTS, max_batch_size: 16 } });
  const storm = agent;
  const answers = await Promise.all(requests.map(async (planned) => await arrive(storm, planned)));
  await expect
    .poll(async () => (await storm.status()).requests, { timeout: 5000, interval: 50 })
    .toEqual({ running: 0, waiting: 0 });
  await expect.poll(() => spooled(storm), { timeout: 5000 }).toEqual([]);
  await storm.stop();

  // Nothing is kept from one request to the next.
  agent = await startAgent({
    models: [MODEL],
    config: {
      images: { image_cache_bytes: 0, feature_cache_bytes: 0 },
      models: [{ id: MODEL, prefix_cache: { memory_bytes: 0, disk_bytes: 0 } }],
    },
  });
  const alone: (Answer | null)[] = [];
  for (const planned of requests) alone.push(planned.leavesAfter === null ? await ask(agent, planned) : null);
  const differing = requests.flatMap(({ shows, at }, index) =>
    JSON.stringify(answers[index]) === JSON.stringify(alone[index])
      ? []
      : [{ shows, at, together: answers[index], alone: alone[index] }],
  );
  expect(differing).toEqual([]);
  const told = alone.flatMap((answer) => answer ?? []);
  expect(alone[0]).toEqual(['invalid_media']);
  expect(new Set(told).size).toBeGreaterThan(REQUESTS / 3);
});
