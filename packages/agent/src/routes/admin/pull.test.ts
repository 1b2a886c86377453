import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type AdminPullEvent, adminPullEventSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { writeAdmin } from '../../test-support/admin-api.ts';
import { chat, eventually, agentsForTests, type TestAgent } from '../../test-support/test-agent.ts';

const startDisposed = agentsForTests();

/** An agent that may ask the hub. */
async function start(config: Readonly<Record<string, unknown>> = {}): Promise<TestAgent> {
  return await startDisposed({ config: { env: {}, ...config } });
}

async function begin(agent: TestAgent, model: string, signal?: AbortSignal): Promise<Response> {
  return await writeAdmin(agent, '/admin/models/pull', { model }, signal);
}

async function pull(agent: TestAgent, model: string): Promise<AdminPullEvent[]> {
  const response = await begin(agent, model);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => adminPullEventSchema.parse(JSON.parse(line)));
}

/** Process id of the endless download; null before it has begun. */
function endlessPid(agent: TestAgent): number | null {
  const cache = path.join(agent.root, 'shared', 'models', 'hub', 'hub');
  const file = path.join(cache, 'models--org--endless', 'snapshots', 'abc', 'pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) || null : null;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('what comes back', () => {
  test('how far it is, and that it is there; two pulls share one download', async () => {
    const agent = await start();
    const [first, second] = await Promise.all([pull(agent, 'org/slow'), pull(agent, 'org/slow')]);
    for (const events of [first, second]) {
      expect(events[0]).toMatchObject({ event: 'progress', total_bytes: 9 });
      expect(events.at(-1)).toEqual({ event: 'done', model: 'org/slow', disk_bytes: 9 });
    }
    expect((await agent.post('/v1/chat/completions', chat('tokens=1', { model: 'org/slow' }))).status).toBe(
      200,
    );
  });

  test('of a model that is there, only that', async () => {
    const agent = await start();
    expect(await pull(agent, 'm')).toEqual([{ event: 'done', model: 'm', disk_bytes: 11 }]);
  });

  test('of an alias, the model behind it', async () => {
    const agent = await start({ models: [{ id: 'mine', base: 'org/good', adapter: 'lora' }] });
    expect((await pull(agent, 'mine')).at(-1)).toMatchObject({ event: 'done', model: 'org/good' });
  });
});

describe('what goes wrong', () => {
  test.each([
    ['org/missing', 404, 'model_not_found', /'org\/missing' was not downloaded: the hub does not have it/],
    ['org/unreachable', 503, 'hub_unreachable', /the hub could not be reached/],
    ['org/huge', 507, 'insufficient_storage', /it takes 9\.0 GB more, and the disk has 1\.0 GB free/],
    ['no-such-folder', 404, 'model_not_found', /not on this host/],
    ['../../etc', 404, 'model_not_found', /not the id of a model/],
  ])('before the hub has it: %s', async (model, status, code, message) => {
    const response = await begin(await start(), model);
    expect([response.status, await response.json()]).toMatchObject([status, { error: { code, message } }]);
  });

  test('a hub that may not be asked', async () => {
    const response = await begin(await start({ env: { HF_HUB_OFFLINE: '1' } }), 'org/good');
    expect([response.status, response.headers.get('retry-after'), await response.json()]).toMatchObject([
      503,
      '10',
      { error: { code: 'hub_unreachable', message: /HF_HUB_OFFLINE is set/ } },
    ]);
  });

  test('once it runs it is the last line, and the next pull goes on', async () => {
    const agent = await start();
    expect((await pull(agent, 'org/cut-off')).at(-1)).toMatchObject({
      event: 'failed',
      error: {
        code: 'download_failed',
        message: /was not downloaded: the download failed \(ConnectionError\)/,
      },
    });
    expect((await pull(agent, 'org/cut-off')).at(-1)).toMatchObject({ event: 'done' });
    expect((await pull(agent, 'org/weightless')).at(-1)).toMatchObject({
      event: 'failed',
      error: { code: 'model_not_found', message: /no complete weights/ },
    });
  });

  test('an agent that stops says so', async () => {
    const agent = await start();
    const response = await begin(agent, 'org/endless');
    const text = response.text();
    await agent.stop();
    const last = adminPullEventSchema.parse(JSON.parse((await text).trimEnd().split('\n').at(-1) ?? ''));
    expect(last).toMatchObject({ event: 'failed', error: { message: /the agent stopped/ } });
  });
});

describe('a client that leaves', () => {
  test('ends the download, also while the hub is asked, and is no failure for the next', async () => {
    const agent = await start();
    const abort = new AbortController();
    // Held, since a response that nobody has any more is cancelled by the garbage collector.
    const response = await begin(agent, 'org/endless', abort.signal);
    await eventually(() => endlessPid(agent) !== null, 'it is on its way');
    const pid = endlessPid(agent) ?? 0;
    expect(response.status).toBe(200);
    abort.abort();
    await eventually(() => !isAlive(pid), 'the download has ended');

    const impatient = new AbortController();
    const asked = begin(agent, 'org/silent', impatient.signal);
    await eventually(() => agent.services.pool.downloads.has('org/silent'), 'the hub is asked');
    impatient.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await eventually(() => agent.services.pool.downloads.size === 0, 'the look-up has ended');
    expect((await pull(agent, 'org/good')).at(-1)).toMatchObject({ event: 'done' });
  });

  test('leaves it to others who wait: a pull, or a request for the model', async () => {
    const agent = await start();
    const aborts = [new AbortController(), new AbortController()];
    const held = await Promise.all(
      aborts.map(async ({ signal }) => await begin(agent, 'org/endless', signal)),
    );
    await eventually(() => endlessPid(agent) !== null, 'it is on its way');
    const pid = endlessPid(agent) ?? 0;
    aborts[0]?.abort();
    const slow = new AbortController();
    expect((await begin(agent, 'org/slow', slow.signal)).status).toBe(200);
    const asked = agent.post('/v1/chat/completions', chat('tokens=1', { model: 'org/slow' }));
    slow.abort();
    expect((await asked).status).toBe(200);
    expect(isAlive(pid)).toBe(true);
    expect(held.map(({ status }) => status)).toEqual([200, 200]);
    aborts[1]?.abort();
    await eventually(() => !isAlive(pid), 'the download has ended');
  });
});
