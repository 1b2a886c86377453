import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import {
  CodedError,
  MEDIA_FORMATS,
  type MediaFormat,
  mediaSizeText,
  sniffMediaFormat,
  TELLING_BYTES,
} from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** A file that goes with a prompt. */
export interface Attachment {
  /** Without its folder. */
  readonly name: string;
  readonly mediaType: string;
  readonly content: Buffer;
  /** Of a document, such as 1-3, where they were named with it. */
  readonly pages?: string;
}

export function isPdf({ mediaType }: Pick<Attachment, 'mediaType'>): boolean {
  return mediaType === 'application/pdf';
}

/** Bytes of one file that the host takes. */
export interface AttachmentLimits {
  readonly maxImageBytes: number;
  readonly maxPdfBytes: number;
}

/** What the system says of a file that it does not open, for people. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'it may not be read',
  EPERM: 'it may not be read',
  // A socket.
  ENXIO: 'it is no file',
};

/** Opening a named pipe waits for somebody who writes to it, and no signal ends that: it is opened without waiting. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const URL_SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i;

/**
 * Reads an image or a PDF, known by its content, in whole; `file` is relative to `folder`.
 * @throws CodedError ATTACHMENT_UNUSABLE.
 */
export async function readAttachment(
  file: string,
  folder: string,
  limits: AttachmentLimits,
): Promise<Attachment> {
  if (file.trim() === '') {
    throw new CodedError(ERRORS.ATTACHMENT_UNUSABLE, 'no file is named: the name is empty');
  }
  if (URL_SCHEME.test(file)) {
    throw unusable(file, 'URLs are not taken here', 'Download it, then name the file.');
  }
  try {
    const handle = await open(path.resolve(folder, file), OPEN_FLAGS);
    try {
      return { name: path.basename(file), ...(await readOpen(file, handle, limits)) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw unusable(file, REASONS[code] ?? `it cannot be read (${code})`, undefined, error);
  }
}

/** Whether there is a file of this name, relative to `folder`, that is an image or a PDF by its content. */
export async function isAttachment(file: string, folder: string): Promise<boolean> {
  const handle = await open(path.resolve(folder, file), OPEN_FLAGS).catch(() => null);
  if (handle === null) return false;
  try {
    return (await handle.stat()).isFile() && sniffMediaFormat(await readHead(handle)) !== null;
  } finally {
    await handle.close();
  }
}

async function readHead(handle: FileHandle): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(TELLING_BYTES), 0, TELLING_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

async function readOpen(
  file: string,
  handle: FileHandle,
  limits: AttachmentLimits,
): Promise<Omit<Attachment, 'name'>> {
  const found = await handle.stat();
  if (found.isDirectory()) throw unusable(file, 'it is a folder');
  if (!found.isFile()) throw unusable(file, 'it is no file');
  const head = await readHead(handle);
  const format = sniffMediaFormat(head);
  if (format === null || MEDIA_FORMATS[format].kind === null) throw unusableKind(file, head, format);
  const {
    kind,
    mediaTypes: [mediaType],
  } = MEDIA_FORMATS[format];
  const isDocument = kind === 'pdf';
  const limit = isDocument ? limits.maxPdfBytes : limits.maxImageBytes;
  if (found.size > limit) {
    throw unusable(
      file,
      `it has ${mediaSizeText(found.size)}, and the host takes ${isDocument ? 'documents' : 'images'} of up to ${mediaSizeText(limit)}`,
      `Send a smaller one, or raise \`images.${isDocument ? 'max_pdf_bytes' : 'max_bytes'}\` in the inventory and deploy.`,
    );
  }
  const content = Buffer.alloc(found.size);
  // A file that shrinks meanwhile is sent as far as it goes; the host says what is wrong with it.
  const { bytesRead: size } = await handle.read(content, 0, content.length, 0);
  return { mediaType, content: content.subarray(0, size) };
}

function unusableKind(file: string, head: Uint8Array, format: MediaFormat | null): CodedError {
  if (head.length === 0) return unusable(file, 'it is empty');
  if (format === 'heic') {
    return unusable(
      file,
      'it is a HEIC photo, which models are not shown',
      'Make a JPEG of it; on a Mac: sips -s format jpeg PHOTO.heic --out PHOTO.jpg',
    );
  }
  return unusable(file, 'it is neither a PNG, JPEG, WebP, GIF or AVIF image nor a PDF');
}

function unusable(file: string, reason: string, hint?: string, cause?: unknown): CodedError {
  return new CodedError(ERRORS.ATTACHMENT_UNUSABLE, `${file}: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
