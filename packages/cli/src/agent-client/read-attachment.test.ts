import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAttachment } from './read-attachment.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';

const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex');
const LIMITS = { maxImageBytes: 1e6, maxPdfBytes: 2e6 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mlxfleet-attachments-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function write(name: string, content: string | Buffer): Promise<void> {
  await writeFile(path.join(folder, name), content);
}

describe('a file for a prompt', () => {
  test('is known by its content, whatever its name, and read in whole', async () => {
    await write('photo.txt', PNG);
    expect(await readAttachment('photo.txt', folder, LIMITS)).toEqual({
      name: 'photo.txt',
      mediaType: 'image/png',
      content: PNG,
    });
    const report = Buffer.concat([Buffer.from('%PDF-1.7'), Buffer.alloc(1.5e6, 'x')]);
    await write('report.pdf', report);
    const file = path.join(folder, 'report.pdf');
    expect(await readAttachment(file, '/', LIMITS)).toEqual({
      name: 'report.pdf',
      mediaType: 'application/pdf',
      content: report,
    });
  });

  test('that cannot be used is told by what is wrong with it', async () => {
    await write('large.png', Buffer.concat([PNG, Buffer.alloc(1e6)]));
    await write('large.pdf', Buffer.concat([Buffer.from('%PDF-1.7'), Buffer.alloc(2e6)]));
    await write('empty.png', '');
    await write('notes.png', 'not a picture');
    await write('photo.heic', '\0\0\0\u0018ftypheic\0\0\0\0mif1heic');
    await mkdir(path.join(folder, 'folder'));
    const refusals = {
      'large.png': /^large.png: it has 1.01 MB, and the host takes images of up to 1 MB$/,
      'large.pdf': /it has 2.01 MB, and the host takes documents of up to 2 MB/,
      'empty.png': /it is empty/,
      'notes.png': /neither a PNG, JPEG, WebP, GIF or AVIF image nor a PDF/,
      'photo.heic': /HEIC photo/,
      'missing.png': /there is no such file/,
      'notes.png/inside.png': /there is no such file/,
      folder: /it is a folder/,
      '/dev/null': /it is no file/,
      '': /^no file is named: the name is empty$/,
      ' ': /^no file is named/,
      'https://example.com/a.png': /^https:\/\/example.com\/a.png: URLs are not taken here$/,
    };
    for (const [file, message] of Object.entries(refusals)) {
      await expect(readAttachment(file, folder, LIMITS)).rejects.toMatchObject({
        code: 'ATTACHMENT_UNUSABLE',
        message: expect.stringMatching(message),
      });
    }
  });

  test('that is a named pipe without a writer is not waited for', async () => {
    await promisify(execFile)('mkfifo', [path.join(folder, 'pipe')]);
    await expect(readAttachment('pipe', folder, LIMITS)).rejects.toMatchObject({
      message: 'pipe: it is no file',
    });
  });

  describeUnless(process.getuid?.() === 0 ? 'root may read every file' : null, 'that may not be read', () => {
    test('is told so', async () => {
      await write('secret.png', PNG);
      await chmod(path.join(folder, 'secret.png'), 0);
      await expect(readAttachment('secret.png', folder, LIMITS)).rejects.toMatchObject({
        message: 'secret.png: it may not be read',
      });
    });
  });
});
