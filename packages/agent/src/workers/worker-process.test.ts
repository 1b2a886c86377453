import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type WorkerCommand, WorkerProcess } from './worker-process.ts';

let source: string;
let command: WorkerCommand;
beforeAll(() => {
  source = mkdtempSync(path.join(tmpdir(), 'source-'));
  mkdirSync(path.join(source, 'mlxfleet_worker'));
  writeFileSync(path.join(source, 'mlxfleet_worker', '__init__.py'), '');
  command = { python: 'python3', source, environment: {} };
});
afterAll(() => {
  rmSync(source, { recursive: true });
});

/** What a worker with this program prints. */
async function printed(program: string, started: WorkerCommand = command): Promise<string> {
  writeFileSync(path.join(source, 'mlxfleet_worker', '__main__.py'), program);
  let output = '';
  const ended = Promise.withResolvers<string>();
  const worker = new WorkerProcess(started, {
    frame: () => {},
    garbage: () => {},
    log: (text) => {
      output += text;
    },
    exited: ended.resolve,
  });
  expect(worker.pid).not.toBeNull();
  expect(await ended.promise).toBe('exit code 0');
  return output.trim();
}

test('a worker takes no module from the folder that it runs in', async () => {
  expect(await printed('import sys\nprint(sys.path[0])\n')).toBe(source);
});

test('what its allocator keeps is bounded, unless the configuration says otherwise', async () => {
  const program = 'import os\nprint(os.environ["MALLOC_MMAP_THRESHOLD_"])\n';
  expect(await printed(program)).toBe('4194304');
  const configured = { ...command, environment: { MALLOC_MMAP_THRESHOLD_: '65536' } };
  expect(await printed(program, configured)).toBe('65536');
});
