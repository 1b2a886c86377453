import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashFile } from '../release/hash-file.ts';
import { deployStandIn } from './testing/deploy-stand-in.ts';
import { StandInHost } from './testing/stand-ins.ts';

let host: StandInHost;

beforeEach(async () => {
  host = await StandInHost.create();
});

afterEach(async () => {
  await host.stop();
  await host.dispose();
});

/** Deploys to another root, and takes what was sent from this machine's cache. */
async function releaseBlob(): Promise<{ file: string; sha256: string; bytes: Buffer }> {
  const other = host.with({ root: path.join(host.folder, 'another root') });
  await deployStandIn(other, { version: '1.0.0' });
  await other.stop();
  let file: string | undefined;
  for await (const found of glob(path.join(host.folder, 'cache/**/release.tgz'))) file = found;
  if (file === undefined) throw new Error('the release is not in the cache');
  return { file, sha256: await hashFile(file), bytes: await readFile(file) };
}

async function leavePart(sha256: string, content: Buffer): Promise<void> {
  await mkdir(host.path('deploy/incoming'), { recursive: true });
  await writeFile(host.path('deploy/incoming', `${sha256}.part`), content);
}

/** Bytes that the stage step says were sent. */
function sent(lines: readonly string[]): number {
  const [, amount = '', unit = ''] = /stage done ([\d.]+) (\w+) sent/.exec(lines.join('\n')) ?? [];
  return Number(amount) * (unit === 'KB' ? 1000 : unit === 'MB' ? 1e6 : 1);
}

describe('what an upload that was cut off left', () => {
  test('is gone on with', async () => {
    const { sha256, bytes } = await releaseBlob();
    const whole = await deployStandIn(host.with({ root: path.join(host.folder, 'a third root') }), {
      version: '1.0.0',
    });
    await host.with({ root: path.join(host.folder, 'a third root') }).stop();
    await leavePart(sha256, bytes.subarray(0, bytes.length - 100));
    const { row, lines } = await deployStandIn(host, { version: '1.0.0' });
    expect(row.outcome).toBe('changed');
    expect(sent(lines)).toBeLessThan(sent(whole.lines) / 2);
    expect(lines.join('\n')).not.toContain('looking again');
  });

  test('is sent again from its beginning when it is damaged', async () => {
    const { sha256, bytes } = await releaseBlob();
    await leavePart(sha256, Buffer.alloc(bytes.length - 100, 'x'));
    const { row, lines } = await deployStandIn(host, { version: '1.0.0' });
    expect(row).toMatchObject({ outcome: 'changed', error: null });
    expect(lines.join('\n')).toContain('here notice the host changed meanwhile; looking again');
  });

  test('and is longer than the file is not taken for it', async () => {
    const { sha256, bytes } = await releaseBlob();
    await leavePart(sha256, Buffer.concat([bytes, Buffer.from('more')]));
    expect((await deployStandIn(host, { version: '1.0.0' })).row).toMatchObject({
      outcome: 'changed',
      error: null,
    });
  });
});
