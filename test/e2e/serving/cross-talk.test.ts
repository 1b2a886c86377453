import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type OpenAI from 'openai';
import { APIUserAbortError } from 'openai';
import { afterEach, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';
import { Dice } from '../../support/dice.ts';

const MODEL = 'tiny-text';
const REQUESTS = 150;
const SECONDS = 20;

/** Set it to a seed that a failure has named, and the same requests come again. */
const SEED = Number(process.env['CROSS_TALK_SEED'] ?? randomInt(2 ** 31));

let agent: AgentProcess | undefined;
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});

/** One request of the storm. */
interface Planned {
  /** Milliseconds after the beginning. */
  readonly at: number;
  readonly priority: 'high' | 'normal' | 'low';
  readonly stream: boolean;
  readonly body: OpenAI.ChatCompletionCreateParamsNonStreaming;
  /** Milliseconds after which its client goes away; null for one that stays to the end. */
  readonly leavesAfter: number | null;
}

interface Answered {
  readonly text: string;
  readonly reason: string | null;
  readonly tokens: number | undefined;
}

const WORDS = ['sea', 'ship', 'harbour', 'night', 'Ünïcödé', '漢字', '🙂', 'a', 'the', '{"x": 1}'];
/** Many conversations begin alike, so that prefixes are shared. */
const BEGINNINGS = ['', 'You are a sailor. '.repeat(5), 'You are a sailor. '.repeat(20)];

function plan(dice: Dice): Planned {
  const content =
    BEGINNINGS[dice.below(3)] + Array.from({ length: 1 + dice.below(20) }, () => dice.oneOf(WORDS)).join(' ');
  const common = {
    at: dice.below(SECONDS * 1000),
    priority: dice.oneOf(['high', 'normal', 'low'] as const),
    stream: dice.chance(0.5),
  };
  const prompt = { model: MODEL, messages: [{ role: 'user' as const, content }] };
  if (dice.chance(0.3)) {
    // Without an end of its own: one that nobody ended would be seen.
    const endless = { max_tokens: 7000, logit_bias: { '2': -100 }, n: dice.oneOf([1, 1, 2]) };
    return {
      ...common,
      body: { ...prompt, ...endless },
      leavesAfter: dice.below(dice.oneOf([20, 200, 1500])),
    };
  }
  const body = { ...prompt, max_tokens: 1 + dice.below(24), ...sampling(dice), ...form(dice) };
  return { ...common, body, leavesAfter: null };
}

/** Greedy, or drawn with a seed. */
function sampling(dice: Dice): object {
  if (dice.chance(0.4)) return { temperature: 0 };
  return {
    temperature: 0.2 + dice.below(15) / 10,
    seed: dice.below(2 ** 31),
    ...(dice.chance(0.5) ? { top_p: 0.5 + dice.below(50) / 100 } : {}),
    ...(dice.chance(0.3) ? { top_k: 1 + dice.below(100) } : {}),
    ...(dice.chance(0.3) ? { min_p: dice.below(30) / 100 } : {}),
    ...(dice.chance(0.3) ? { repetition_penalty: 1 + dice.below(10) / 10 } : {}),
    ...(dice.chance(0.2) ? { presence_penalty: dice.below(20) / 10 } : {}),
    ...(dice.chance(0.2) ? { frequency_penalty: dice.below(20) / 10 } : {}),
    ...(dice.chance(0.2) ? { logit_bias: { [String(3 + dice.below(90))]: 5 } } : {}),
  };
}

function form(dice: Dice): object {
  if (dice.chance(0.2)) return { stop: [dice.oneOf(['a', 'e', '\n'])] };
  if (dice.chance(0.9)) return {};
  const schema = { type: 'object', properties: { ship: { enum: WORDS } }, required: ['ship'] };
  return { response_format: { type: 'json_schema', json_schema: { name: 'ship', schema } } };
}

async function ask(
  target: AgentProcess,
  planned: Planned,
  signal: AbortSignal | null = null,
): Promise<Answered> {
  const { body, priority } = planned;
  const options = { headers: { 'x-priority': priority }, ...(signal === null ? {} : { signal }) };
  if (!planned.stream) {
    const { choices, usage } = await target.client.chat.completions.create(body, options);
    const [choice] = choices;
    return {
      text: choice?.message.content ?? '',
      reason: choice?.finish_reason ?? null,
      tokens: usage?.completion_tokens,
    };
  }
  const streamed = { ...body, stream: true as const, stream_options: { include_usage: true } };
  let text = '';
  let reason: string | null = null;
  let tokens: number | undefined;
  for await (const chunk of await target.client.chat.completions.create(streamed, options)) {
    text += chunk.choices[0]?.delta.content ?? '';
    reason = chunk.choices[0]?.finish_reason ?? reason;
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { text, reason, tokens };
}

/** The answer; null for a request whose client went away. */
async function arrive(target: AgentProcess, planned: Planned): Promise<Answered | null> {
  await sleep(planned.at);
  if (planned.leavesAfter === null) return await ask(target, planned);
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, planned.leavesAfter);
  try {
    await ask(target, planned, abort.signal);
  } catch (error) {
    if (!(error instanceof APIUserAbortError)) throw error;
  } finally {
    clearTimeout(timer);
  }
  expect(abort.signal.aborted).toBe(true);
  return null;
}

/** Seconds of processor time that a process has used; 0 where the system does not tell. */
async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  const [user = 0, system = 0] = stat.split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [];
  return (user + system) / 100;
}

/** Share of one processor that a worker uses: it works on for requests that it was not told to end. */
async function load(target: AgentProcess): Promise<number> {
  const pid = (await target.status()).workers[0]?.pid ?? 0;
  const before = await processorSeconds(pid);
  await sleep(400);
  return ((await processorSeconds(pid)) - before) / 0.4;
}

function prefixCache(bytes: number | null): Readonly<Record<string, unknown>> {
  return {
    models: [{ id: MODEL, prefix_cache: { memory_bytes: bytes, disk_bytes: 0 } }],
    queue_depth: REQUESTS,
  };
}

test(`no answer depends on what runs beside it, and nothing is left (CROSS_TALK_SEED=${String(SEED)})`, async () => {
  const dice = new Dice(SEED);
  const requests = Array.from({ length: REQUESTS }, () => plan(dice));
  agent = await startAgent({ models: [MODEL], config: prefixCache(null) });
  const storm = agent;
  const answers = await Promise.all(requests.map(async (planned) => await arrive(storm, planned)));
  await expect
    .poll(async () => (await storm.status()).requests, { timeout: 2000, interval: 50 })
    .toMatchObject({ running: 0, waiting: 0 });
  await expect.poll(async () => await load(storm), { timeout: 3000, interval: 10 }).toBeLessThan(0.1);
  await storm.stop();

  agent = await startAgent({ models: [MODEL], config: prefixCache(0) });
  const alone: (Answered | null)[] = [];
  for (const planned of requests) alone.push(planned.leavesAfter === null ? await ask(agent, planned) : null);
  const differing = requests.flatMap((planned, index) =>
    JSON.stringify(answers[index]) === JSON.stringify(alone[index])
      ? []
      : [{ planned, together: answers[index], alone: alone[index] }],
  );
  expect(differing).toEqual([]);
  expect(new Set(alone.map((each) => each?.text)).size).toBeGreaterThan(REQUESTS / 3);
});
