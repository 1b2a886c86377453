import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { checkout } from '../../scripts/lib/paths.ts';
import { describeUnless } from '../support/skipping.ts';

const MODEL = 'SmolLM2-135M-Instruct';
const PORTS = [11_440, 11_441];

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

const taken = (await Promise.all(PORTS.map(answers))).includes(true);

describeUnless(taken ? 'an agent runs on this machine already' : null, 'npm start', () => {
  test('deploys to this machine, streams a real answer, serves, and stops at Ctrl-C', async () => {
    const root = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-root-'));
    const child = spawn('npm', ['start'], {
      cwd: checkout,
      env: { ...process.env, MLXFLEET_ROOT: root },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const ended = once(child, 'close');
    try {
      const isOver = () => child.exitCode !== null || output.includes('until you press Ctrl-C');
      await expect.poll(isOver, { timeout: 170_000, interval: 200 }).toBe(true);
      expect(output).toContain('The capital of France is Paris.');
      expect(output).toContain('curl http://127.0.0.1:11440/v1/chat/completions');
      expect(output).toContain('from openai import OpenAI');
      const client = new OpenAI({ baseURL: 'http://127.0.0.1:11440/v1', apiKey: 'any', maxRetries: 0 });
      expect((await client.models.list()).data.map(({ id }) => id)).toEqual([MODEL]);
    } finally {
      child.kill('SIGINT');
      await ended;
      await rm(root, { recursive: true, force: true });
    }
    expect(output).toContain('it finishes running requests, up to 30 s');
    expect(await Promise.all(PORTS.map(answers))).toEqual([false, false]);
  });
});
