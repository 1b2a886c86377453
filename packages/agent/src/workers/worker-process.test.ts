import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type WorkerCommand, WorkerProcess } from './worker-process.ts';

let command: WorkerCommand;
beforeAll(() => {
  const source = mkdtempSync(path.join(tmpdir(), 'source-'));
  const folder = path.join(source, 'mlxfleet_worker');
  mkdirSync(folder);
  writeFileSync(path.join(folder, '__init__.py'), '');
  writeFileSync(path.join(folder, '__main__.py'), 'import sys\nprint(sys.path[0])\n');
  command = { python: 'python3', source, environment: {} };
});
afterAll(() => {
  rmSync(command.source, { recursive: true });
});

test('a worker takes no module from the folder that it runs in', async () => {
  let output = '';
  const ended = Promise.withResolvers<string>();
  const worker = new WorkerProcess(command, {
    frame: () => {},
    garbage: () => {},
    log: (text) => {
      output += text;
    },
    exited: ended.resolve,
  });
  expect(worker.pid).not.toBeNull();
  expect(await ended.promise).toBe('exit code 0');
  expect(output.trim()).toBe(command.source);
});
