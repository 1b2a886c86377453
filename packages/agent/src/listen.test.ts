import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { baseApp } from './base-app.ts';
import { listenOnSocket } from './listen.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'listen-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function mode(file: string): number {
  return statSync(file).mode & 0o777;
}

/** Mode of a folder that is made now, with the mask that holds now. */
function modeOfNew(name: string): number {
  const made = path.join(folder, name);
  mkdirSync(made);
  return mode(made);
}

test('only the owner may open the socket, and what else is made meanwhile keeps its mode', async () => {
  const app = baseApp(pino({ level: 'silent' }));
  const usual = modeOfNew('before');
  let meanwhile = 0;
  app.addHook('onReady', async () => {
    meanwhile = modeOfNew('meanwhile');
  });
  const socket = path.join(folder, 'admin.sock');
  await listenOnSocket(app, socket);
  expect([mode(socket), meanwhile]).toEqual([0o600, usual]);
  await app.close();
});
