import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable, Writable } from 'node:stream';
import { type WorkerReply, workerReplySchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { z } from 'zod';

const FAKE = path.join(import.meta.dirname, 'fakes', 'fake-worker.mjs');
const REQUESTS = path.join(import.meta.dirname, 'frames', 'requests.json');

/** Words to which the fake answers with all that a step can have. */
const SCRIPT = 'reasoning=1 say=Hello call=weather:{"a":1} stopped-by=END cached=2';

test('the fake worker takes each frame of the wire, and what it says is of the wire', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mlxfleet-fake-'));
  writeFileSync(path.join(folder, 'config.json'), '{}');
  const frames = z
    .array(z.looseObject({ type: z.string() }))
    .parse(JSON.parse(readFileSync(REQUESTS, 'utf8')));
  const fake = spawn(process.execPath, [FAKE], { stdio: ['pipe', 'ignore', 'ignore', 'pipe'] });
  const ended = once(fake, 'exit');
  const stdin = z.instanceof(Writable).parse(fake.stdin);
  try {
    for (const frame of frames) {
      const changes: Record<string, object> = {
        load: { path: folder },
        generate: { prompt: { kind: 'text', text: SCRIPT }, max_tokens: null },
      };
      // A cancelled completion would have no end to wait for.
      if (frame.type !== 'cancel') stdin.write(`${JSON.stringify({ ...frame, ...changes[frame.type] })}\n`);
    }
    stdin.write(
      `${JSON.stringify({ ...frames[1], id: 'bad', prompt: { kind: 'text', text: 'invalid' } })}\n`,
    );
    const awaited = new Set(['ready', 'loaded', 'pong', 'tokenized', 'detokenized', 'embedded', 'failed']);
    const unfinished = new Set(['gen-1:0', 'gen-2']);
    const replies: WorkerReply[] = [];
    for await (const line of createInterface({ input: z.instanceof(Readable).parse(fake.stdio[3]) })) {
      const said: unknown = JSON.parse(line);
      const reply = workerReplySchema.parse(said);
      // What the schema does not know would be missing here.
      expect(reply).toMatchObject(z.looseObject({}).parse(said));
      replies.push(reply);
      awaited.delete(reply.type);
      for (const output of reply.type === 'step' ? reply.outputs : []) {
        if (output.finish !== undefined) unfinished.delete(output.id);
      }
      if (awaited.size + unfinished.size === 0) break;
    }
    const outputs = replies.flatMap((reply) => (reply.type === 'step' ? reply.outputs : []));
    const fields = new Set(outputs.flatMap((output) => Object.keys(output)));
    expect(fields).toEqual(
      new Set(['id', 'text', 'tokens', 'reasoning', 'tool_calls', 'logprobs', 'finish']),
    );
  } finally {
    fake.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  }
});
