import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { type RequestEnding, watchEnding } from './request-ending.ts';

/** Has a request be answered by what this makes of its ending. */
async function answered(
  timeoutSeconds: number,
  answer: (ending: RequestEnding) => Promise<string>,
): Promise<string> {
  const app = fastify();
  app.get('/', async (_, reply) => {
    const ending = watchEnding(reply, timeoutSeconds);
    try {
      return await answer(ending);
    } catch (error) {
      return String(error);
    } finally {
      ending.release();
    }
  });
  const { body } = await app.inject('/');
  await app.close();
  return body;
}

const NEVER = new Promise<never>(() => undefined);

test('what takes longer than the request may is not waited for', async () => {
  expect(await answered(0.05, async (ending) => await ending.race(NEVER))).toContain(
    'ran longer than 0.05 s',
  );
  expect(await answered(60, async (ending) => await ending.race(Promise.resolve('in time')))).toBe('in time');
});

test('nor is anything once its time is up', async () => {
  const body = await answered(0.01, async (ending) => {
    while (!ending.signal.aborted) await sleep(5);
    return await ending.race(NEVER);
  });
  expect(body).toContain('ran longer than 0.01 s');
});
