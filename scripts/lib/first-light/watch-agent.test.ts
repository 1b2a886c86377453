import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { judge, type Watched } from './agent-sight.ts';
import { watchAgent } from './watch-agent.ts';

let root: string;
let server: Server;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  root = await mkdtemp(path.join(tmpdir(), 'mlxfleet-watch-'));
  for (const folder of ['run', 'logs']) await mkdir(path.join(root, folder));
  server = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  server.close();
  await rm(root, { recursive: true });
});

async function run(name: 'agent' | 'supervisor'): Promise<ChildProcess> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  await writeFile(path.join(root, 'run', `${name}.pid`), `${String(child.pid)}\n`);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('an agent that ends, why it does not come back, and that it serves again are told once each', async () => {
  const supervisor = await run('supervisor');
  const agent = await run('agent');
  await writeFile(path.join(root, 'logs/agent.log'), 'error OLD_REASON: of an earlier day\n');
  const address = server.address();
  const apiPort = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = Promise.withResolvers<void>();
  const told: string[] = [];
  const watching = watchAgent(
    { root, apiPort, commandLine: 'mlxfleet' },
    { wait: async () => stop.promise },
    (line) => told.push(line),
  );
  const within = { timeout: 10_000 };
  await end(agent);
  await expect.poll(() => told, within).toEqual(['The agent has ended and is being started again …']);
  await appendFile(
    path.join(root, 'logs/agent.log'),
    'error CONFIG_INVALID: c.yaml:3: prot: unknown key\n  Mend it.\n',
  );
  await expect
    .poll(() => told.slice(1), within)
    .toEqual([
      'The agent does not start:',
      'c.yaml:3: prot: unknown key',
      'Mend it.',
      'It is tried again every half minute; at once: mlxfleet start local',
    ]);
  const next = await run('agent');
  await expect.poll(() => told.at(-1), within).toBe('The agent serves again.');
  expect(told).toHaveLength(6);
  await end(supervisor);
  await end(next);
  await expect.poll(() => told.slice(6), within).toContain('The agent has ended.');
  await expect.poll(() => told.at(-1), within).toContain('To start it: mlxfleet start local');
  stop.resolve();
  await watching;
}, 60_000);

test('an agent that takes long without a word is told once', () => {
  let watched: Watched = { state: 'serving', agent: 1 };
  const told: string[] = [];
  for (let look = 0; look < 200; look += 1) {
    const { next, lines } = judge(
      watched,
      { agent: null, isSupervised: true, isReady: false, reason: null },
      'mlxfleet',
    );
    watched = next;
    told.push(...lines);
  }
  expect(told).toEqual([
    'The agent has ended and is being started again …',
    'The agent does not come back. Its last words: mlxfleet logs local',
  ]);
});
