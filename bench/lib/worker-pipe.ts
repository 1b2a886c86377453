import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { generateFrameSchema, loadFrameSchema, workerReplySchema } from '@mlxfleet/protocol';
import { workerSource } from '../../scripts/lib/paths.ts';
import { ensureTextEnvironment } from '../../scripts/lib/text-environment.ts';

/** A worker without an agent: requests go straight into its pipe. */
export interface WorkerPipe {
  /** Milliseconds from writing one greedy request to reading the frame that ends it. One at a time. */
  generate(text: string, maxTokens: number): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a worker with the model in `folder`, with the agent's defaults. */
export async function startWorkerPipe(folder: string): Promise<WorkerPipe> {
  const child = spawn(await ensureTextEnvironment(), ['-u', '-m', 'mlxfleet_worker'], {
    cwd: '/',
    env: { ...process.env, PYTHONPATH: workerSource },
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const { stdin } = child;
  const replies = child.stdio[3];
  if (stdin === null || !(replies instanceof Readable)) throw new Error('the worker has no pipes');
  const lines = createInterface({ input: replies })[Symbol.asyncIterator]();
  const send = (frame: unknown): void => {
    stdin.write(`${JSON.stringify(frame)}\n`);
  };
  /** Reads until a frame for which `isLast` holds. */
  const readUntil = async (isLast: (line: string) => boolean): Promise<void> => {
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new Error('the worker has ended');
      if (line.value.includes('"type":"failed"')) throw new Error(`the worker refused: ${line.value}`);
      if (isLast(line.value)) return;
    }
  };
  send(
    loadFrameSchema.parse({
      type: 'load',
      path: folder,
      context_length: null,
      memory_limit_bytes: null,
      max_batch_size: 64,
    }),
  );
  await readUntil((line) => workerReplySchema.parse(JSON.parse(line)).type === 'loaded');
  let count = 0;
  return {
    generate: async (text, maxTokens) => {
      count += 1;
      const frame = generateFrameSchema.parse({
        type: 'generate',
        id: String(count),
        prompt: { kind: 'chat', messages: [{ role: 'user', content: text }] },
        max_tokens: maxTokens,
        sampling: { temperature: 0 },
        stop: [],
      });
      const start = performance.now();
      send(frame);
      await readUntil((line) => line.includes('"finish"'));
      return performance.now() - start;
    },
    stop: async () => {
      stdin.end();
      await exited;
    },
  };
}
