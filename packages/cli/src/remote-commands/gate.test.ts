import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalHost } from '../hosts/local-host.ts';
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

/** Runs the gate with a shell script in the place of node; answers what the operator is told. */
async function gateWith(node: string): Promise<readonly unknown[]> {
  await writeFile(join(root, 'releases/r/runtime/node'), `#!/bin/sh\n${node}\n`, { mode: 0o755 });
  const remote = script(['lib', 'lock', 'releases'], { ROOT: root, GATE_SECONDS: '1' });
  const main = 'main() {\nscript_begin\nGATE_MARGIN_SECONDS=0\ngate r\nexit "$?"\n}';
  const told: unknown[] = [];
  await runJsonScript(
    new LocalHost('here'),
    { ...remote, text: remote.text.replace('{ main; exit; }', `${main}\n{ main; exit; }`) },
    (message) => told.push(message['gate']),
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
