import { randomBytes } from 'node:crypto';

/** A file that begins as those of its format do, with bytes behind that make each one another. */
function sample(head: Buffer): Buffer {
  return Buffer.concat([head, randomBytes(64)]);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Files that are what they begin as, as far as an agent looks. */
export const SAMPLES = {
  png: () => sample(latin1('\u0089PNG\r\n\u001A\n')),
  jpeg: () => sample(latin1('\u00FF\u00D8\u00FF\u00E0')),
  gif: () => sample(latin1('GIF89a')),
  webp: () => sample(latin1('RIFF\0\0\0\0WEBPVP8 ')),
  avif: () => sample(latin1('\0\0\0\u0018ftypmif1\0\0\0\0miafavif')),
  heic: () => sample(latin1('\0\0\0\u0018ftypheic\0\0\0\0mif1heic')),
  svg: () => Buffer.from('<?xml version="1.0"?><!-- a --><svg xmlns="http://www.w3.org/2000/svg"/>'),
  pdf: () => sample(latin1('%PDF-1.7\n')),
} as const;

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

export function dataUrl(mediaType: string, bytes: Uint8Array): string {
  return `data:${mediaType};base64,${base64(bytes)}`;
}
