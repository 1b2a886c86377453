import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, expect, test } from 'vitest';
import { chat, eventually, startTestAgent } from '../../test-support/test-agent.ts';
import { ModelCatalog } from '../catalog/catalog.ts';
import { weightBytes } from '../catalog/weight-files.ts';
import { Downloader } from './downloader.ts';

const CHECKOUT = path.resolve(import.meta.dirname, '../../../../..');
const FAKE_WORKER = path.join(CHECKOUT, 'test/fakes/fake-worker.mjs');
const cache = mkdtempSync(path.join(tmpdir(), 'cache-'));
afterAll(() => {
  rmSync(cache, { recursive: true, force: true });
});

const LOOK_UP_MS = 1500;

function downloader(offline = false, python = FAKE_WORKER, folder = cache): Downloader {
  const command = { python, source: '/nowhere', environment: { HF_HUB_CACHE: folder } };
  return new Downloader(command, pino({ level: 'silent' }), offline, LOOK_UP_MS);
}

/** With the real program, and a hub that is none. */
function program(environment: Readonly<Record<string, string>>): Downloader {
  const source = `${path.join(CHECKOUT, 'packages/agent/python')}:${path.join(CHECKOUT, 'test/fakes/hub')}`;
  const command = { python: 'python3', source, environment: { HF_HUB_CACHE: cache, ...environment } };
  return new Downloader(command, pino({ level: 'silent' }), false);
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

test('a download ends with the last of those who wait for it, and is no failure then', async () => {
  const each = downloader();
  const request = each.download('org/slow');
  const [first, second] = [each.join('org/slow'), each.join('org/slow')];
  first.leave();
  first.leave();
  second.leave();
  await request;

  const [left, stays] = [each.join('org/endless'), each.join('org/endless')];
  await left.found;
  left.leave();
  left.leave();
  expect(each.isRunning('org/endless')).toBe(true);
  stays.leave();
  expect(each.isRunning('org/endless')).toBe(false);
  await expect(stays.done).rejects.toMatchObject({ reason: 'cancelled' });
  const again = each.join('org/endless');
  await again.found;
  again.leave();
});

test('what has just failed is asked for again by who asks for the download itself', async () => {
  const each = downloader(false, FAKE_WORKER, mkdtempSync(path.join(cache, 'other-')));
  await expect(each.download('org/cut-off')).rejects.toThrow('ConnectionError');
  await expect(each.download('org/cut-off')).rejects.toThrow('ConnectionError');
  await each.join('org/cut-off').done;
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

test('a download that was cut off is no model, and goes on at the next request', async () => {
  const agent = await startTestAgent({ config: { env: {} } });
  try {
    const ask = async (model: string) =>
      await agent.post('/v1/chat/completions', chat('tokens=1', { model }));
    const first = await ask('org/cut-off');
    expect([first.status, await first.json()]).toMatchObject([
      404,
      { error: { code: 'model_not_found', message: /the download failed \(ConnectionError\)/ } },
    ]);
    const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
    expect(list).toMatchObject({ data: [{ id: 'm' }] });
    expect((await fetch(`${agent.url}/v1/models/org/cut-off`)).status).toBe(404);
    const resumed = downloader(false, FAKE_WORKER, path.join(agent.root, 'shared', 'models', 'hub', 'hub'));
    await resumed.download('org/cut-off');
    expect((await ask('org/cut-off')).status).toBe(200);
    const empty = await ask('org/weightless');
    expect([empty.status, await empty.json()]).toMatchObject([
      404,
      { error: { message: /no complete weights/ } },
    ]);
  } finally {
    await agent.dispose();
  }
});

test('a second request waits for the download that runs', async () => {
  const agent = await startTestAgent({ config: { env: {} } });
  try {
    const ask = async () => await agent.post('/v1/chat/completions', chat('tokens=1', { model: 'org/slow' }));
    const first = ask();
    const folder = path.join(agent.root, 'shared', 'models', 'hub', 'hub', 'models--org--slow');
    const snapshot = path.join(folder, 'snapshots', 'abc');
    await eventually(() => existsSync(path.join(snapshot, 'config.json')), 'the configuration is there');
    // The file is there and not complete, as far as anybody can tell who does not know of the download.
    writeFileSync(path.join(snapshot, 'model.safetensors'), '');
    rmSync(path.join(folder, '.mlxfleet-incomplete'));
    const second = ask();
    await second;
    expect(readFileSync(path.join(snapshot, 'model.safetensors'), 'utf8')).toBe('weights');
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  } finally {
    await agent.dispose();
  }
});

test('the program that downloads marks the model until its last file is there', async () => {
  const catalog = new ModelCatalog({
    models: '/nonexistent',
    caches: [cache],
    adapters: '/nonexistent',
    hasVisionEnvironment: false,
    aliases: [],
  });
  await expect(program({ FAKE_HUB_FAILS: 'yes' }).download('org/program')).rejects.toThrow('ConnectionError');
  expect(await weightBytes(path.join(cache, 'models--org--program', 'snapshots', 'abc'))).toBe(7);
  expect(await catalog.find('org/program')).toBeNull();
  const resumed = program({}).join('org/program');
  await resumed.done;
  // The tokenizer and the weights, of which the cut-off part counts for nothing.
  expect(resumed.progress).toEqual({ bytes: 9, totalBytes: 9 });
  expect(await catalog.find('org/program')).toMatchObject({ id: 'org/program' });
  // Parts of files that are whole by now are gone, or every cut-off would cost the disk as much as it had fetched.
  expect(readdirSync(path.join(cache, 'models--org--program', 'blobs')).toSorted()).toEqual([
    'other.0123abcd.incomplete',
    'sum',
    'tokenizer',
  ]);
});

test('the program that downloads looks for room before it begins, and tells a disk that fills up', async () => {
  const before = program({ FAKE_HUB_BYTES: '1000000000000000000' }).join('org/before');
  await expect(before.found).rejects.toMatchObject({
    reason: 'disk',
    message: /^it takes 1000000000\.0 GB more, and the disk has \d+\.\d GB free$/,
  });
  expect(existsSync(path.join(cache, 'models--org--before'))).toBe(false);
  const midway = program({ FAKE_HUB_FAILS: 'disk' }).join('org/midway');
  await midway.found;
  await expect(midway.done).rejects.toMatchObject({ reason: 'disk', message: 'the disk is full' });
});
