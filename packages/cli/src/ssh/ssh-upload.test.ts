import { expect, it } from 'vitest';
import { uploadFailure } from './ssh-upload.ts';

const upload = { host: 'air', localPath: '/here', part: '/there.part', options: { offset: 7 } };

it('recognises a full disk', () => {
  const error = uploadFailure(upload, 1, 'cat: write error: No space left on device');
  expect(error).toMatchObject({
    code: 'DISK_FULL',
    message: 'air: cat: write error: No space left on device',
  });
});

it('tells how many bytes the host holds, below the noise of a shell', () => {
  expect(uploadFailure(upload, 75, 'beware\n      12')).toMatchObject({
    code: 'UPLOAD_FAILED',
    message: 'air: /there.part holds 12 bytes, not 7',
  });
});

it('falls back to the exit code where nothing was said', () => {
  expect(uploadFailure(upload, null, '').message).toBe('air: the upload ended with exit code null');
});
