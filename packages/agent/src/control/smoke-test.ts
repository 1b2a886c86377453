import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { field } from '../field.ts';
import { type Answer, call, errorMessage, parseJson } from './call.ts';
import { remaining } from './deadline.ts';
import { describeError } from './describe-error.ts';
import { GateFailure } from './gate-failure.ts';
import { say } from './say.ts';
import { missingModels, planSmokeTests, type SmokeTest, taskOf } from './smoke-plan.ts';
import { StreamReader } from './stream-reader.ts';
import { testImage } from './test-image.ts';

/** How the main API is reached. */
export interface Api {
  readonly target: { readonly host: string; readonly port: number };
  readonly headers: Readonly<Record<string, string>>;
}

const SMOKE_TOKENS = 16;
const POLL_MS = 500;
const NO_ROOM = 'memory_exhausted';
/** Of the host, and not of the release: an inventory may list a model for hosts of which some cannot have it. */
const NO_ROOM_CODES = [NO_ROOM, 'vision_environment_missing'];
const EXCUSES: Readonly<Record<SmokeTest['leftOut'], ReadonlySet<unknown>>> = {
  never: new Set(),
  'no-room': new Set(NO_ROOM_CODES),
  'no-load': new Set([...NO_ROOM_CODES, 'model_load_failed', 'worker_broken', 'model_not_found']),
};

/**
 * Has models answer, one after the other, and prints what each did. `named` is the one that the operator named; null takes
 * one of the configuration, or else what the host has. What is configured and not there is told as left out.
 * @throws GateFailure COMPLETION_FAILED when one does not answer, or answers without having seen what it was shown.
 */
export async function smokeTest(
  api: Api,
  root: string,
  named: string | null,
  deadline: number,
): Promise<void> {
  const models = await readModels(root, deadline);
  const { all, oneOf } = planSmokeTests(models, named);
  for (const test of all) await complete(api, root, test, deadline);
  for (const test of oneOf) {
    if (await complete(api, root, test, deadline)) break;
  }
  for (const { model, reason } of missingModels(models, named)) {
    say({ event: 'left-out', model, message: reason });
  }
  // A hub's model is fetched when it is asked for, and its files tell only then that it sees.
  const isNews = named !== null && taskOf(models, named) == null;
  if (isNews && taskOf(await readModels(root, deadline), named) === 'vision') {
    await complete(api, root, { model: named, withImage: true, leftOut: 'never' }, deadline);
  }
}

async function readModels(root: string, deadline: number): Promise<readonly unknown[]> {
  const target = { socketPath: path.join(root, 'run', 'admin.sock') };
  const answer = await call({ target, path: '/admin/models', timeoutMs: remaining(deadline) });
  const models: unknown = field(parseJson(answer.body), 'models');
  if (answer.status === 200 && Array.isArray(models)) return models;
  throw new GateFailure('GATE_FAILED', `the models of the host are not told: ${errorMessage(answer)}`);
}

/** Whether the model answered; what may be left out and does not is told. */
async function complete(api: Api, root: string, test: SmokeTest, deadline: number): Promise<boolean> {
  const { model, withImage, leftOut } = test;
  const attempt = async (): Promise<Answer | null> => {
    return withImage ? await describeImage(api, model, deadline) : await completeText(api, model, deadline);
  };
  let answer = await attempt();
  // A model that is on its way up cannot make room. When it is there it can, or there is none.
  while (answer !== null && errorCode(answer) === NO_ROOM && (await isLoading(root, deadline))) {
    await sleep(POLL_MS);
    answer = await attempt();
  }
  if (answer === null) return true;
  if (EXCUSES[leftOut].has(errorCode(answer))) {
    say({ event: 'left-out', model, message: errorMessage(answer) });
    return false;
  }
  throw new GateFailure('COMPLETION_FAILED', `${model} does not answer: ${errorMessage(answer)}`);
}

function errorCode(answer: Answer): unknown {
  return field(field(parseJson(answer.body), 'error'), 'code');
}

async function isLoading(root: string, deadline: number): Promise<boolean> {
  const models = await readModels(root, deadline);
  return performance.now() < deadline && models.some((model) => field(model, 'state') === 'loading');
}

/** A model without a chat template still has to complete. */
async function completeText(api: Api, model: string, deadline: number): Promise<Answer | null> {
  const text = 'What is the capital of France?';
  const chat = { messages: [{ role: 'user', content: text }] };
  const answer = await completeOnce(api, '/v1/chat/completions', { model, ...chat }, deadline);
  if (answer?.status !== 400) return answer;
  const plain = await completeOnce(api, '/v1/completions', { model, prompt: text }, deadline);
  return plain === null ? null : answer;
}

async function describeImage(api: Api, model: string, deadline: number): Promise<Answer | null> {
  const url = `data:image/png;base64,${testImage().toString('base64')}`;
  const content = [
    { type: 'image_url', image_url: { url } },
    { type: 'text', text: 'What is in this picture?' },
  ];
  const body = { model, messages: [{ role: 'user', content }] };
  return await completeOnce(api, '/v1/chat/completions', body, deadline, true);
}

/** Null when it worked, which is printed; else the answer that did not. */
async function completeOnce(
  api: Api,
  route: string,
  body: { readonly model: string; readonly [field: string]: unknown },
  deadline: number,
  withImage = false,
): Promise<Answer | null> {
  const reader = new StreamReader();
  const answer = await call({
    ...api,
    path: route,
    json: {
      ...body,
      max_tokens: SMOKE_TOKENS,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    },
    timeoutMs: remaining(deadline),
    onText: (piece) => {
      reader.push(piece);
    },
  }).catch(describeError);
  if (answer.status !== 200) return answer;
  if (reader.error !== null || !reader.isComplete) {
    throw new GateFailure('COMPLETION_FAILED', reader.error ?? 'the stream ended early');
  }
  if (withImage && reader.imageTokens === 0) {
    throw new GateFailure('COMPLETION_FAILED', `${body.model} answers, and was not shown the image`);
  }
  const seen = withImage ? { image_tokens: reader.imageTokens } : {};
  say({ event: 'completion', model: body.model, ...seen, ...reader.figures() });
  return null;
}
