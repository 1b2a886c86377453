import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { smokeTest } from '../../../packages/agent/src/control/smoke-test.ts';
import { testImage } from '../../../packages/agent/src/control/test-image.ts';
import { ChatClient } from '../../../packages/cli/src/agent-client/chat-client.ts';
import { Conversation } from '../../../packages/cli/src/agent-client/conversation.ts';
import { userMessage } from '../../../packages/cli/src/agent-client/message-parts.ts';
import { LocalHost } from '../../../packages/cli/src/hosts/local-host.ts';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';

let agent: AgentProcess;
let port: number;
beforeAll(async () => {
  agent = await startAgent({
    models: ['tiny-text', 'tiny-vision'],
    config: { models: [{ id: 'tiny-text' }, { id: 'tiny-vision' }] },
  });
  port = Number(new URL(agent.url).port);
}, 120_000);
afterAll(async () => {
  await agent.stop();
});

describe('our own programs and a real vision model', () => {
  test('the health gate shows it an image, beside the text model that it asks', async () => {
    const said: unknown[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
      said.push(JSON.parse(String(line)));
      return true;
    });
    try {
      const api = { target: { host: '127.0.0.1', port }, headers: {} };
      await smokeTest(api, agent.root, null, performance.now() + 60_000);
    } finally {
      spy.mockRestore();
    }
    expect(said).toMatchObject([
      { event: 'completion', model: 'tiny-text' },
      { event: 'completion', model: 'tiny-vision', image_tokens: expect.any(Number) },
    ]);
  });

  test('chat shows it images, over several turns, and says why a text model is shown none', async () => {
    const adminToken = (await readFile(path.join(agent.root, 'shared', 'admin-token'), 'utf8')).trim();
    await using client = new ChatClient(new LocalHost('here'), { port, adminToken });
    const picture = { name: 'picture.png', mediaType: 'image/png', content: testImage() } as const;
    const said = userMessage('What is this?', [picture], undefined);
    const { signal } = new AbortController();
    const conversation = new Conversation(
      client,
      { model: 'tiny-vision', max_tokens: 4, temperature: 0 },
      undefined,
    );
    const first = await conversation.say(said, () => {}, signal);
    expect(first.usage?.prompt_tokens_details.image_tokens).toBeGreaterThan(0);
    const second = await conversation.say(userMessage('And what else?', [], undefined), () => {}, signal);
    // The image of the first turn is still a part of the prompt.
    expect(second.usage?.prompt_tokens_details.image_tokens).toBe(
      first.usage?.prompt_tokens_details.image_tokens,
    );
    const blind = new Conversation(client, { model: 'tiny-text', max_tokens: 4 }, undefined);
    await expect(blind.say(said, () => {}, signal)).rejects.toMatchObject({
      code: 'AGENT_REFUSED',
      hint: expect.stringContaining('Name a vision model'),
    });
  });
});
