import { renameSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FetchMedia } from '../media/fetch-media.ts';
import { nothingSpooled, PNG, said, shownChat as chat, VISION } from '../test-support/media-requests.ts';
import { agentsForTests, eventually, type TestAgent } from '../test-support/test-agent.ts';

const CHAT = '/v1/chat/completions';
const LINKED = { type: 'image_url', image_url: { url: 'https://images.example/a.png' } };

const startAgent = agentsForTests();

/** A server whose answers wait until they are let go. */
class HeldServer {
  asked = 0;
  open = 0;
  mostOpen = 0;
  readonly #gate = Promise.withResolvers<Uint8Array>();

  readonly fetch: FetchMedia = async (_, { signal }) => {
    this.asked += 1;
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    const left = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => {
      left.reject(signal.reason);
    });
    try {
      return await Promise.race([this.#gate.promise, left.promise]);
    } finally {
      this.open -= 1;
    }
  };

  letGo(): void {
    this.#gate.resolve(PNG);
  }
}

async function startWith(server: HeldServer, config: object = {}): Promise<TestAgent> {
  return await startAgent({
    ...VISION,
    config: { images: { allow_urls: true }, ...config },
    overrides: { fetchMedia: server.fetch },
  });
}

describe('a queue without room', () => {
  const small = { max_batch_size: 1, queue_depth: 1 };

  test('refuses before anything is fetched', async () => {
    const server = new HeldServer();
    const agent = await startWith(server, small);
    const leaving = new AbortController();
    for (const _ of [1, 2]) agent.post(CHAT, chat('mute'), { signal: leaving.signal }).catch(() => {});
    const held = (): number => {
      const runtime = agent.services.pool.peek('eye');
      return (runtime?.runningCount ?? 0) + (runtime?.waitingCount ?? 0);
    };
    await eventually(() => held() === 2, 'the queue is full');
    const refused = await agent.post(CHAT, chat([LINKED]));
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      429,
      expect.any(String),
      { error: { code: 'queue_full' } },
    ]);
    expect(server.asked).toBe(0);
    leaving.abort();
  });

  test.each([
    ['chats', CHAT, 2],
    ['questions', '/v1/messages/count_tokens', 1],
  ])('counts %s whose images are on their way', async (_, route, room) => {
    const server = new HeldServer();
    const agent = await startWith(server, small);
    const content =
      route === CHAT ? [LINKED] : [{ type: 'image', source: { type: 'url', url: LINKED.image_url.url } }];
    const asked = Array.from({ length: 5 }, async () => await agent.post(route, chat(content)));
    await eventually(() => server.asked === room, 'images are fetched for those that have a place');
    const first = await Promise.race(asked);
    expect(first.status).toBe(429);
    server.letGo();
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(room);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5 - room);
    expect(server.asked).toBe(room);
    // No place is lost.
    expect((await agent.post(route, chat(content))).status).toBe(200);
  });

  test('has room again when an image was refused, or its client has left', async () => {
    const server = new HeldServer();
    const agent = await startWith(server, small);
    const all = { n: 2 };
    const leaving = new AbortController();
    agent.post(CHAT, chat([LINKED], all), { signal: leaving.signal }).catch(() => {});
    await eventually(() => server.asked === 1, 'the image is fetched');
    leaving.abort();
    await eventually(() => server.open === 0, 'the fetch was given up');
    const broken = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBO*' } };
    expect((await agent.post(CHAT, chat([broken], all))).status).toBe(400);
    expect((await agent.post(CHAT, chat('tokens=1', all))).status).toBe(200);
  });
});

function folderOf(agent: TestAgent, id: string): string {
  return path.join(agent.root, 'shared', 'models', id);
}

/** A request whose image is being fetched. */
async function begin(): Promise<{ agent: TestAgent; server: HeldServer; answer: Promise<Response> }> {
  const server = new HeldServer();
  const agent = await startWith(server);
  const answer = agent.post(CHAT, chat([said('tokens=1'), LINKED]));
  await eventually(() => server.asked === 1, 'the image is fetched');
  return { agent, server, answer };
}

describe('a model that changes while an image is fetched', () => {
  test('is not waited for when it is gone', async () => {
    const { agent, server, answer } = await begin();
    renameSync(folderOf(agent, 'eye'), folderOf(agent, 'other'));
    expect((await agent.post(CHAT, chat('a'))).status).toBe(404);
    server.letGo();
    expect(await (await answer).json()).toMatchObject({ error: { code: 'model_not_found' } });
    await nothingSpooled(agent);
  });

  test('answers when it has come back meanwhile', async () => {
    const { agent, server, answer } = await begin();
    renameSync(folderOf(agent, 'eye'), folderOf(agent, 'other'));
    expect((await agent.post(CHAT, chat('a'))).status).toBe(404);
    renameSync(folderOf(agent, 'other'), folderOf(agent, 'eye'));
    server.letGo();
    expect((await answer).status).toBe(200);
    await nothingSpooled(agent);
  });

  test('is asked whether it sees once more', async () => {
    const { agent, server, answer } = await begin();
    renameSync(folderOf(agent, 'eye'), folderOf(agent, 'other'));
    expect((await agent.post(CHAT, chat('a'))).status).toBe(404);
    renameSync(folderOf(agent, 'm'), folderOf(agent, 'eye'));
    server.letGo();
    expect(await (await answer).json()).toMatchObject({ error: { code: 'images_not_supported' } });
  });
});
