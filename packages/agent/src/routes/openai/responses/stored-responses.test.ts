import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { generateFrameSchema, openAiErrorSchema, responseObjectSchema } from '@mlxfleet/protocol';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestAgent, type TestAgent } from '../../../test-support/test-agent.ts';

let agent: TestAgent;
let mine: OpenAI;
let yours: OpenAI;
beforeAll(async () => {
  agent = await startTestAgent();
  mine = clientOf(agent, 'my-key');
  yours = clientOf(agent, 'your-key');
});
afterAll(async () => {
  await agent.dispose();
});

function clientOf({ url }: TestAgent, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

const MISSING = { status: 404, code: 'response_not_found' };
const NOT_BEFORE = { status: 400, code: 'previous_response_not_found', param: 'previous_response_id' };

/** What the model was told, after a conversation that ends in show-frame. */
function conversation(response: OpenAI.Responses.Response): unknown {
  const { prompt } = generateFrameSchema.parse(JSON.parse(response.output_text));
  return prompt.kind === 'chat' ? prompt.messages : null;
}

describe('a conversation', () => {
  test('goes on from response to response, and branches; instructions are not inherited', async () => {
    const first = await mine.responses.create({
      model: 'm',
      input: 'one',
      instructions: 'be brief',
      max_output_tokens: 1,
    });
    const second = await mine.responses.create({
      model: 'm',
      input: 'two',
      previous_response_id: first.id,
      max_output_tokens: 1,
    });
    const third = await mine.responses.create({
      model: 'm',
      input: [{ role: 'user', content: 'show-frame' }],
      previous_response_id: second.id,
    });
    expect(conversation(third)).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 't0 ' },
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 't0 ' },
      { role: 'user', content: 'show-frame' },
    ]);
    expect(third.previous_response_id).toBe(second.id);
    const branch = await mine.responses.create({
      model: 'm',
      input: 'show-frame',
      instructions: 'be long',
      previous_response_id: first.id,
    });
    expect(conversation(branch)).toEqual([
      { role: 'system', content: 'be long' },
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 't0 ' },
      { role: 'user', content: 'show-frame' },
    ]);
  });

  test('goes on from a stream, right after its end', async () => {
    const first = await mine.responses.stream({ model: 'm', input: 'say=hello' }).finalResponse();
    const second = await mine.responses.create({
      model: 'm',
      input: 'show-frame',
      tool_choice: 'none',
      previous_response_id: first.id,
    });
    expect(second.output_text).toContain('hello');
  });

  test('cannot go on from what was not stored, is unknown, deleted, or of another key', async () => {
    const unstored = await mine.responses.create({ model: 'm', input: 'a', store: false });
    const deleted = await mine.responses.create({ model: 'm', input: 'a' });
    await mine.responses.delete(deleted.id);
    const foreign = await yours.responses.create({ model: 'm', input: 'a' });
    for (const id of [unstored.id, deleted.id, foreign.id, 'resp_unknown', '']) {
      const next = mine.responses.create({ model: 'm', input: 'b', previous_response_id: id });
      await expect(next).rejects.toMatchObject(NOT_BEFORE);
    }
    const [item] = foreign.output;
    const reference = { type: 'item_reference' as const, id: item?.id ?? '' };
    await expect(mine.responses.create({ model: 'm', input: [reference] })).rejects.toMatchObject({
      status: 400,
      param: 'input.0.id',
    });
  });
});

describe('a stored response', () => {
  test('is what was answered', async () => {
    const { output_text: _, ...created } = await mine.responses.create({
      model: 'm',
      input: 'reasoning=1 say=hello',
    });
    const { output_text: text, ...kept } = await mine.responses.retrieve(created.id);
    expect([kept, text]).toEqual([created, 'hello']);
    responseObjectSchema.strict().parse(kept);
  });

  test('is nothing to another key, or to none', async () => {
    const { id } = await mine.responses.create({ model: 'm', input: 'a' });
    await expect(yours.responses.retrieve(id)).rejects.toMatchObject(MISSING);
    await expect(yours.responses.delete(id)).rejects.toMatchObject(MISSING);
    await expect(yours.responses.cancel(id)).rejects.toMatchObject(MISSING);
    expect((await fetch(`${agent.url}/v1/responses/${id}`)).status).toBe(404);
    const byOtherHeader = await fetch(`${agent.url}/v1/responses/${id}`, {
      headers: { 'x-api-key': 'my-key' },
    });
    expect(byOtherHeader.status).toBe(200);
  });

  test('is gone when it is deleted', async () => {
    const { id } = await mine.responses.create({ model: 'm', input: 'a' });
    const url = `${agent.url}/v1/responses/${id}`;
    const headers = { authorization: 'Bearer my-key' };
    const answer = await fetch(url, { method: 'DELETE', headers });
    expect(await answer.json()).toEqual({ id, object: 'response', deleted: true });
    await expect(mine.responses.retrieve(id)).rejects.toMatchObject(MISSING);
    await expect(mine.responses.delete(id)).rejects.toMatchObject(MISSING);
  });

  test.each(['DELETE', 'POST'])('%s without a body passes, although it announces JSON', async (method) => {
    const { id } = await mine.responses.create({ model: 'm', input: 'a' });
    const url = `${agent.url}/v1/responses/${id}${method === 'POST' ? '/cancel' : ''}`;
    const headers = { authorization: 'Bearer my-key', 'content-type': 'application/json' };
    const answer = await fetch(url, { method, headers });
    expect([answer.status, await answer.json()]).toMatchObject(
      method === 'POST' ? [400, { error: { code: 'invalid_value' } }] : [200, { deleted: true }],
    );
  });

  test('cannot be cancelled, nor told again as a stream', async () => {
    const { id } = await mine.responses.create({ model: 'm', input: 'a' });
    await expect(mine.responses.cancel(id)).rejects.toMatchObject({ status: 400 });
    await expect(mine.responses.retrieve(id, { stream: true })).rejects.toMatchObject({
      status: 400,
      param: 'stream',
    });
  });

  test('a method that its URL does not take is named', async () => {
    const answer = await fetch(`${agent.url}/v1/responses/resp_1`, { method: 'PUT' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD']);
    expect(openAiErrorSchema.parse(await answer.json()).error.code).toBe('method_not_allowed');
    const cancel = await fetch(`${agent.url}/v1/responses/resp_1/cancel`);
    expect([cancel.status, cancel.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

test('what is not to be stored leaves nothing on disk', async () => {
  const apart = await startTestAgent();
  try {
    await clientOf(apart, 'k').responses.create({ model: 'm', input: 'a secret', store: false });
    const folder = path.join(apart.root, 'shared', 'state');
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      expect(readFileSync(path.join(folder, name), 'latin1')).not.toContain('a secret');
    }
  } finally {
    await apart.dispose();
  }
});

test('a conversation goes on after a restart of the agent', async () => {
  const before = await startTestAgent();
  try {
    const { id } = await clientOf(before, 'k').responses.create({ model: 'm', input: 'say=hello' });
    await before.stop();
    const after = await startTestAgent({ overrides: { root: before.root } });
    try {
      const input = 'show-frame';
      const request = { model: 'm', input, tool_choice: 'none' as const, previous_response_id: id };
      expect((await clientOf(after, 'k').responses.create(request)).output_text).toContain('hello');
    } finally {
      await after.dispose();
    }
  } finally {
    await before.dispose();
  }
});
