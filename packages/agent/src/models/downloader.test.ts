import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, expect, test } from 'vitest';
import { chat, startTestAgent } from '../test-support/test-agent.ts';
import { Downloader } from './downloader.ts';

const FAKE_WORKER = path.resolve(import.meta.dirname, '../../../../test/fakes/fake-worker.mjs');
const cache = mkdtempSync(path.join(tmpdir(), 'cache-'));
afterAll(() => {
  rmSync(cache, { recursive: true, force: true });
});

const LOOK_UP_MS = 1500;

function downloader(offline = false, python = FAKE_WORKER): Downloader {
  const command = { python, source: '/nowhere', environment: { HF_HUB_CACHE: cache } };
  return new Downloader(command, pino({ level: 'silent' }), offline, LOOK_UP_MS);
}

test('a model of the hub is fetched, once for all who ask', async () => {
  const each = downloader();
  await Promise.all([each.download('org/good'), each.download('org/good')]);
  expect(existsSync(path.join(cache, 'models--org--good', 'refs', 'main'))).toBe(true);
});

test('a hub that does not answer is given up in time, and not asked again for a while', async () => {
  const each = downloader();
  const began = performance.now();
  await expect(each.download('org/silent')).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
    message: "The model 'org/silent' is not on this host, and the hub could not be reached.",
  });
  expect(performance.now() - began).toBeLessThan(LOOK_UP_MS + 1000);
  const again = performance.now();
  await expect(each.download('org/silent')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  expect(performance.now() - again).toBeLessThan(100);
});

test('what the hub says is passed on', async () => {
  await expect(downloader().download('org/unreachable')).rejects.toThrow('the hub could not be reached');
  await expect(downloader(true).download('org/good')).rejects.toThrow('HF_HUB_OFFLINE');
  await expect(downloader(false, '/nonexistent').download('org/good')).rejects.toThrow(
    'environment is missing',
  );
});

test('so many at once', async () => {
  const each = downloader();
  const held = [each.download('a/silent'), each.download('b/silent')].map(
    async (promise) => await promise.catch((error: unknown) => error),
  );
  await expect(each.download('c/silent')).rejects.toMatchObject({ code: 'DOWNLOADS_BUSY', retryAfter: 10 });
  each.stop();
  await Promise.all(held);
});

test('a request for a model of the hub is served when it is there', async () => {
  const agent = await startTestAgent({ config: { env: {} } });
  try {
    const response = await agent.post('/v1/chat/completions', chat('tokens=1', { model: 'org/good' }));
    expect(response.status).toBe(200);
    const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
    expect(list).toMatchObject({ data: [{ id: 'm' }, { id: 'org/good', owned_by: 'org' }] });
  } finally {
    await agent.dispose();
  }
});
