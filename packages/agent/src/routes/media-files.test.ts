import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FetchMedia } from '../media/fetch-media.ts';
import {
  chatTexts,
  nothingSpooled,
  oneSpooled,
  picture,
  PNG,
  said,
  shownChat as chat,
  shownMedia,
  spooled,
  VISION,
} from '../test-support/media-requests.ts';
import { agentsForTests, FAKE_WORKERS, type TestAgentOptions } from '../test-support/test-agent.ts';

const CHAT = '/v1/chat/completions';

const startAgent = agentsForTests();

describe('files of requests', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'accident-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const accident = (phase: string, times: number): TestAgentOptions => ({
    ...VISION,
    config: {
      env: {
        HF_HUB_OFFLINE: '1',
        FAKE_WORKER: JSON.stringify({
          accident: { phase, how: 'crash', times, mark: path.join(folder, 'mark') },
        }),
      },
    },
    overrides: { worker: FAKE_WORKERS },
  });

  test('go when the model fails the request', async () => {
    const agent = await startAgent(VISION);
    const answer = await agent.post(CHAT, chat([said('invalid'), picture()]));
    expect(answer.status).toBe(400);
    await nothingSpooled(agent);
  });

  test('go when the client goes away, streamed or not', async () => {
    const agent = await startAgent(VISION);
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const asked = agent.post(CHAT, chat([said('mute'), picture()], { stream }), {
        signal: leaving.signal,
      });
      asked.catch(() => {});
      await oneSpooled(agent);
      leaving.abort();
      await nothingSpooled(agent);
      expect(agent.services.pool.peek('eye')?.runningCount).toBe(0);
    }
  });

  test('are still there for the worker that comes after one that died', async () => {
    const agent = await startAgent(accident('prefill', 1));
    const media = await shownMedia(agent, chat([said('show-media'), picture()]));
    expect(media).toMatchObject([{ bytes: PNG.length }]);
    await nothingSpooled(agent);
  });

  test('go when the request has seen too many workers die', async () => {
    const agent = await startAgent(accident('prefill', 2));
    expect((await agent.post(CHAT, chat([said('a'), picture()]))).status).toBe(503);
    await nothingSpooled(agent);
  });

  test('are shared by all choices of a request', async () => {
    const agent = await startAgent(VISION);
    const texts = await chatTexts(agent, chat([said('show-media'), picture()], { n: 3 }));
    expect(texts).toHaveLength(3);
    expect(new Set(texts).size).toBe(1);
    expect(JSON.parse(texts[0] ?? '')).toMatchObject([{ bytes: PNG.length }]);
    await nothingSpooled(agent);
  });

  test('are shared by requests at the same time, and stay until the last has ended', async () => {
    const agent = await startAgent(VISION);
    const leaving = new AbortController();
    const held = agent.post(CHAT, chat([said('mute'), picture()]), { signal: leaving.signal });
    held.catch(() => {});
    await oneSpooled(agent);
    await chatTexts(agent, chat([said('show-media'), picture()]));
    expect(spooled(agent)).toHaveLength(1);
    const media = await shownMedia(agent, chat([said('show-media'), picture()]));
    expect(media).toMatchObject([{ bytes: PNG.length }]);
    leaving.abort();
    await nothingSpooled(agent);
  });

  test('go with the agent', async () => {
    const agent = await startAgent({ ...VISION, config: { drain_seconds: 0 } });
    const held = agent.post(CHAT, chat([said('mute'), picture()]));
    await oneSpooled(agent);
    await agent.stop();
    expect((await held).status).toBe(503);
    expect(() => spooled(agent)).toThrow('ENOENT');
  });
});

/** A server that never answers. */
function silent(): { readonly fetchMedia: FetchMedia; readonly asked: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const fetchMedia: FetchMedia = async (_, { signal }) => {
    resolve();
    return await new Promise((__, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  };
  return { fetchMedia, asked: promise };
}

const present: FetchMedia = async () => PNG;

describe('images behind URLs', () => {
  const url = { type: 'image_url', image_url: { url: 'https://images.example/a.png' } };
  const allowed = { config: { images: { allow_urls: true } } };

  test('are shown where the host allows them', async () => {
    const agent = await startAgent({ ...VISION, ...allowed, overrides: { fetchMedia: present } });
    const media = await shownMedia(agent, chat([said('show-media'), url]));
    expect(media).toMatchObject([{ bytes: PNG.length }]);
  });

  test('are not waited for when the agent stops', async () => {
    const { fetchMedia, asked } = silent();
    const agent = await startAgent({ ...VISION, ...allowed, overrides: { fetchMedia } });
    const answer = agent.post(CHAT, chat([url]));
    await asked;
    await agent.stop();
    const response = await answer;
    expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'draining' } }]);
  });

  test('are given up when the client goes away', async () => {
    const { fetchMedia, asked } = silent();
    const agent = await startAgent({ ...VISION, ...allowed, overrides: { fetchMedia } });
    const leaving = new AbortController();
    agent.post(CHAT, chat([picture(), url]), { signal: leaving.signal }).catch(() => {});
    await asked;
    expect(spooled(agent)).toHaveLength(1);
    leaving.abort();
    await nothingSpooled(agent);
  });
});
