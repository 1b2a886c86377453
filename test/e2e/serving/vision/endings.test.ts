import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openAiErrorSchema, tokenizationSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentProcess, isAlive, startAgent } from '../../../support/agent-process.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import {
  answerText,
  image,
  MODEL,
  pdf,
  picture,
  post,
  processesOf,
  shown,
  spooled,
  text,
} from './requests.ts';

let agent: AgentProcess;
let file: MadeFile;
/** What the model says of a good image. */
let goodText: string;

beforeAll(async () => {
  [agent, file] = await Promise.all([
    // One runs, the next one waits.
    startAgent({ models: [MODEL], config: { max_batch_size: 1 } }),
    makeFiles(),
  ]);
  goodText = await answerText(agent, good());
});
afterAll(async () => {
  await agent.stop();
});

function good(): object {
  return shown(text('What is this?'), image(picture(1)));
}

let seed = 100;

/** Of a picture that no cache knows. */
function fresh(more: object = {}): object {
  seed += 1;
  return { ...shown(text('What is this?'), image(picture(seed))), ...more };
}

async function expectSpooled(count: number): Promise<void> {
  await expect.poll(() => spooled(agent), { interval: 5, timeout: 20_000 }).toHaveLength(count);
}

async function expectService(): Promise<void> {
  await expectSpooled(0);
  expect(await answerText(agent, good())).toBe(goodText);
  await expectSpooled(0);
}

async function workerPid(): Promise<number> {
  const { worker } = await processesOf(agent.pid);
  if (worker === null) throw new Error('there is no worker');
  return worker;
}

async function decoderPid(): Promise<number> {
  // It may have been ended by an earlier test, or for want of images.
  await answerText(agent, fresh());
  const { decoder } = await processesOf(agent.pid);
  if (decoder === null) throw new Error('there is no decoder');
  return decoder;
}

async function held(): Promise<object> {
  return (await agent.status()).requests;
}

async function untilHeld(running: number, waiting: number): Promise<void> {
  await expect.poll(held, { interval: 5, timeout: 20_000 }).toEqual({ running, waiting });
}

/** A request whose client can go away. */
function leaving(body: object): {
  readonly leave: () => Promise<void>;
  readonly response: Promise<Response>;
} {
  const controller = new AbortController();
  const response = post(agent, body, '/v1/chat/completions', controller.signal);
  response.catch(() => {});
  return {
    response,
    leave: async () => {
      controller.abort();
      await response.catch(() => {});
    },
  };
}

describe('no file of a request is left', () => {
  test('after an answer, whole or streamed', async () => {
    await answerText(agent, fresh());
    await expectSpooled(0);
    const streamed = await post(agent, fresh({ stream: true }));
    expect(await streamed.text()).toContain('[DONE]');
    await expectService();
  });

  test('after a refusal by the agent, and one by the worker', async () => {
    const twoBroken = shown(image(picture(2)), image(Buffer.from('hello')));
    expect((await post(agent, twoBroken)).status).toBe(400);
    expect(spooled(agent)).toEqual([]);
    expect((await post(agent, shown(image(picture(2)), image(file('truncated.png'))))).status).toBe(400);
    await expectService();
  });

  test('when the client goes in the middle of the upload', async () => {
    const body = JSON.stringify(fresh());
    const { port } = new URL(agent.url);
    for (const part of [0.1, 0.5, 0.99]) {
      const socket = net.connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n`;
      socket.write(head + body.slice(0, Math.floor(part * body.length)));
      await sleep(50);
      socket.resetAndDestroy();
    }
    await expectService();
    expect(await held()).toEqual({ running: 0, waiting: 0 });
  });

  test('when the client goes in the queue, and before its first token', async () => {
    const worker = await workerPid();
    process.kill(worker, 'SIGSTOP');
    try {
      const runs = leaving(fresh());
      await untilHeld(1, 0);
      const waits = leaving(fresh());
      await untilHeld(1, 1);
      await expectSpooled(2);
      await waits.leave();
      await untilHeld(1, 0);
      await expectSpooled(1);
      await runs.leave();
      await expectSpooled(0);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    await expectService();
    expect(await workerPid()).toBe(worker);
  });

  test('when the client goes in the stream', async () => {
    // Without an end of its own: there is a stream to leave.
    const { tokens } = tokenizationSchema.parse(
      await (await post(agent, { model: MODEL, input: '<|im_end|>' }, '/v1/tokenize')).json(),
    );
    expect(tokens).toHaveLength(1);
    const stream = leaving(
      fresh({ stream: true, max_tokens: 7000, logit_bias: { [tokens[0] ?? -1]: -100 } }),
    );
    const reader = (await stream.response).body?.getReader();
    await reader?.read();
    expect(spooled(agent)).toHaveLength(1);
    await stream.leave();
    await expectService();
  });
});

describe('a process is lost', () => {
  test('the worker, while a request with an image waits for it: the next one answers', async () => {
    const worker = await workerPid();
    process.kill(worker, 'SIGSTOP');
    const answers = [answerText(agent, good()), answerText(agent, good())];
    await untilHeld(1, 1);
    await expectSpooled(1);
    process.kill(worker, 'SIGKILL');
    expect(await Promise.all(answers)).toEqual([goodText, goodText]);
    expect(await workerPid()).not.toBe(worker);
    await expectService();
  });

  test('the decoder, before it has begun with an image: another one decodes it', async () => {
    const decoder = await decoderPid();
    process.kill(decoder, 'SIGSTOP');
    const answer = post(agent, fresh());
    await untilHeld(1, 0);
    // It is asked by now, and cannot answer.
    await sleep(300);
    process.kill(decoder, 'SIGKILL');
    expect((await answer).status).toBe(200);
    expect(await isAlive(decoder)).toBe(false);
    expect(await decoderPid()).not.toBe(decoder);
    await expectService();
  });

  test('the decoder, while it draws a page: the request is told, and the next one works', async () => {
    const decoder = await decoderPid();
    const refused = post(agent, shown(pdf(file('bomb-time.pdf'))));
    await expectSpooled(1);
    // It draws until it is stopped, after ten seconds of its processor's time.
    await sleep(1000);
    process.kill(decoder, 'SIGKILL');
    const response = await refused;
    const { error } = openAiErrorSchema.parse(await response.json());
    expect({ status: response.status, ...error }).toMatchObject({
      status: 400,
      code: 'invalid_media',
      // On a machine with much else to do it had not begun yet.
      message: expect.stringMatching(/it ended the decoder|takes too long/),
    });
    expect(await decoderPid()).not.toBe(decoder);
    await expectService();
  });

  test('the agent: its worker and its decoder end, and the next agent removes what is left of its files', async () => {
    const lost = await startAgent({ models: [MODEL] });
    let next: ChildProcess | null = null;
    try {
      const draws = post(lost, shown(pdf(file('bomb-time.pdf'))));
      draws.catch(() => {});
      await expect
        .poll(async () => (await processesOf(lost.pid)).decoder, { timeout: 60_000 })
        .not.toBeNull();
      const { worker, decoder } = await processesOf(lost.pid);
      lost.process.kill('SIGKILL');
      await expect(draws).rejects.toThrow('fetch failed');
      for (const pid of [worker, decoder]) {
        await expect.poll(() => isAlive(pid ?? 0), { timeout: 20_000 }).toBe(false);
      }
      expect(spooled(lost)).toHaveLength(1);
      const spool = path.join(lost.root, 'shared', 'spool');
      await mkdir(path.join(spool, 'folder'));
      await writeFile(path.join(spool, 'folder', 'file'), 'left');
      await writeFile(path.join(spool, 'half.part'), 'left');
      next = await startAgain(lost);
      expect(spooled(lost)).toEqual([]);
      expect(await answerText(lost, good())).toBe(goodText);
      await expect.poll(() => spooled(lost), { timeout: 20_000 }).toEqual([]);
    } finally {
      await ended(next);
      await lost.stop();
    }
  });
});

/** Another agent with the arguments of one that has ended. */
async function startAgain({ process: { spawnargs }, url }: AgentProcess): Promise<ChildProcess> {
  const [program = '', ...argv] = spawnargs;
  const child = spawn(program, argv, { cwd: '/', stdio: 'ignore' });
  const isReady = async () => (await fetch(`${url}/ready`).catch(() => null))?.ok;
  await expect.poll(isReady, { timeout: 30_000 }).toBe(true);
  return child;
}

async function ended(child: ChildProcess | null): Promise<void> {
  if (child === null) return;
  child.kill('SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
