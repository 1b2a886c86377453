import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { LARGEST_JSON_BYTES } from './read-json-file.ts';
import { readWeightIndex } from './weight-index.ts';

/** A safetensors file begins with the length of its header: 64 bits, little-endian. https://github.com/huggingface/safetensors */
const LENGTH_BYTES = 8;

/**
 * Names of the tensors in a model's folder, by its index; without one, by the headers of its files. Files that cannot be read
 * count as empty.
 */
export async function tensorNames(folder: string): Promise<string[]> {
  const index = await readWeightIndex(folder);
  if (index !== null) return Object.keys(index);
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
  const names = await Promise.all(files.map(async (name) => await headerNames(path.join(folder, name))));
  return names.flat();
}

async function headerNames(file: string): Promise<string[]> {
  try {
    const handle = await open(file, 'r');
    try {
      const length = await readBytes(handle, 0, LENGTH_BYTES);
      const bytes = Number(length.readBigUInt64LE());
      if (bytes > LARGEST_JSON_BYTES) return [];
      const header: unknown = JSON.parse((await readBytes(handle, LENGTH_BYTES, bytes)).toString('utf8'));
      return typeof header === 'object' && header !== null ? Object.keys(header) : [];
    } finally {
      await handle.close();
    }
  } catch {
    return [];
  }
}

async function readBytes(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
}
