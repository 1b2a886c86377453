import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalHost } from '../hosts/local-host.ts';
import type { ScriptMessage } from './message-fields.ts';
import { runJsonScript } from './run-script.ts';
import { script } from './script.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mlxfleet-gate-'));
  for (const folder of ['releases/r/runtime', 'run']) await mkdir(join(root, folder), { recursive: true });
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

const GATE = 'gate r\nexit "$?"';

/** Runs the gate, or another `body`, with a shell script in the place of node; answers what the operator is told. */
async function gateWith(node: string, body = GATE): Promise<readonly unknown[]> {
  return (await messagesOf(node, body)).map((message) => message['gate']);
}

async function messagesOf(node: string, body: string): Promise<ScriptMessage[]> {
  await writeFile(join(root, 'releases/r/runtime/node'), `#!/bin/sh\n${node}\n`, { mode: 0o755 });
  const remote = script(['lib', 'lock', 'releases', 'gate', 'undo'], { ROOT: root, GATE_SECONDS: '1' });
  const main = `main() {\nscript_begin\nGATE_MARGIN_SECONDS=0\n${body}\n}`;
  const told: ScriptMessage[] = [];
  await runJsonScript(
    new LocalHost('here'),
    { ...remote, text: remote.text.replace('{ main; exit; }', `${main}\n{ main; exit; }`) },
    (message) => told.push(message),
  );
  return told;
}

test('a gate that gives a reason is believed first', async () => {
  const reason = { event: 'failed', message: 'no agent answers' };
  const told = await gateWith(`echo '${JSON.stringify(reason)}'; exit 1`);
  expect(told[0]).toEqual(reason);
});

test('one that ends without a reason is told by its exit code', async () => {
  expect(await gateWith('exit 7')).toMatchObject([
    { event: 'failed', message: 'the health check gave no reason: it ended with exit code 7' },
  ]);
});

test('one that hangs is ended', async () => {
  const began = performance.now();
  expect(await gateWith('exec sleep 60')).toMatchObject([
    { event: 'failed', message: expect.stringContaining('did not end in time') },
  ]);
  expect(performance.now() - began).toBeLessThan(15_000);
});

test.each([
  [
    'is ready and whose model does not answer',
    '*--ready-only*',
    true,
    'r is current again and ready, but a model',
  ],
  ['is not ready', 'never', false, 'r is current again but does not answer'],
])('after an undo a host that %s is told so', async (_, succeeds, ready, reason) => {
  const unchanged = [
    'release_check',
    'config_restore',
    'switch_current',
    'restart_agent',
    'lock_release',
    'audit',
  ];
  const messages = await messagesOf(
    `case "$*" in ${succeeds}) exit 0 ;; esac; exit 1`,
    [
      ...unchanged.map((name) => `${name}() { :; }`),
      "UNDO_TO=r SERVICE_BEFORE=running SMOKE_MODEL=''",
      "undo_switch '' 1",
    ].join('\n'),
  );
  expect(messages.find(({ event }) => event === 'undone')).toMatchObject({
    healthy: false,
    ready,
    reason: expect.stringContaining(reason),
  });
});
