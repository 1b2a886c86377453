import { agentConfigSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { mediaBodyBytes, TEXT_BODY_BYTES } from './body-bytes.ts';

function bodyBytes(images: object): number {
  return mediaBodyBytes(agentConfigSchema.parse({ version: 1, images }).images);
}

test('as many images as are taken, a document and the text come in one body', () => {
  const files = [...Array<number>(5).fill(10e6), 32e6];
  const base64 = files.reduce((sum, bytes) => sum + Math.ceil(bytes / 3) * 4, 0);
  expect(bodyBytes({})).toBeGreaterThan(base64 + TEXT_BODY_BYTES - 100);
  expect(bodyBytes({})).toBeLessThan(base64 + TEXT_BODY_BYTES + 1000);
});

test('no limit makes a body longer than the agent holds', () => {
  const most = { max_images: 50, max_bytes: 100e6, max_pdf_bytes: 100e6 };
  expect(bodyBytes(most)).toBe(256 * 1024 ** 2);
});
