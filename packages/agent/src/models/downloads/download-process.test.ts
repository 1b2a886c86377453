import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DownloadProcess } from './download-process.ts';

/** Where Python looks for a module first, as a failure of the download. */
const DOWNLOAD = `
import json, sys
print(json.dumps({"event": "failed", "reason": "failed", "message": sys.path[0]}))
`;

let source: string;
beforeAll(() => {
  source = mkdtempSync(path.join(tmpdir(), 'source-'));
  const folder = path.join(source, 'mlxfleet_worker');
  mkdirSync(folder);
  writeFileSync(path.join(folder, '__init__.py'), '');
  writeFileSync(path.join(folder, 'download.py'), DOWNLOAD);
});
afterAll(() => {
  rmSync(source, { recursive: true });
});

test('a download takes no module from the folder that it runs in', async () => {
  const download = new DownloadProcess({ python: 'python3', source, environment: {} }, 'org/name', 20_000);
  await expect(download.done).rejects.toThrow(source);
});
