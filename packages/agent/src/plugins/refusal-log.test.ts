import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { chat, eventually, startTestAgent, type TestAgent } from '../test-support/test-agent.ts';

const PROMPT = 'a-very-private-prompt';
const KEY = 'sk-a-very-private-key';

let agent: TestAgent | null = null;
afterEach(async () => {
  await agent?.dispose();
  agent = null;
});

test('the log says why a request was refused, and nothing that its client wrote', async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  const started = await startTestAgent({ overrides: { log } });
  agent = started;
  const refused = async (body: object): Promise<unknown> => {
    const { length } = lines;
    const answer = await started.post('/v1/chat/completions', body, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    await answer.text();
    const ofRefusals = (): string[] => lines.slice(length).filter((line) => line.includes('refused'));
    await eventually(() => ofRefusals().length > 0, 'the refusal is logged');
    return JSON.parse(ofRefusals()[0] ?? '');
  };
  expect(await refused(chat(PROMPT, { temperature: 3 }))).toMatchObject({
    status: 400,
    code: 'invalid_value',
    type: 'invalid_request_error',
    param: 'temperature',
    seconds: expect.any(Number),
  });
  expect(await refused({ ...chat(PROMPT), model: PROMPT })).toMatchObject({
    status: 404,
    code: 'model_not_found',
    param: 'model',
  });
  expect(await refused(chat(PROMPT, { logit_bias: { [PROMPT]: 1, [KEY]: 1 } }))).toMatchObject({
    status: 400,
    param: 'logit_bias.*',
  });
  expect(lines.join('\n')).not.toContain(PROMPT);
  expect(lines.join('\n')).not.toContain(KEY);
});

test('that the agent is not ready is no trouble of a request, and only told to who looks closely', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(line) });
  const started = await startTestAgent({ overrides: { log } });
  agent = started;
  const logged = async (url: string): Promise<unknown> => {
    const { length } = lines;
    const answer = await fetch(started.url + url);
    await answer.text();
    const refusals = (): string[] => lines.slice(length).filter((line) => line.includes('refused'));
    await eventually(() => refusals().length > 0, 'the refusal is logged');
    return JSON.parse(refusals()[0] ?? '');
  };
  started.services.lifecycle.pause();
  expect(await logged('/ready')).toMatchObject({ level: pino.levels.values['debug'], status: 503 });
  expect(await logged('/v1/none')).toMatchObject({ level: pino.levels.values['warn'], status: 404 });
});
