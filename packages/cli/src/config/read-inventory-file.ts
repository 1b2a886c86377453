import { readFile, stat } from 'node:fs/promises';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** A thousand hosts take about 200 KB. */
const LARGEST_INVENTORY_BYTES = 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  ELOOP: 'its symbolic links go round in circles',
  ENOTDIR: 'a part of its path is not a folder',
  ENAMETOOLONG: 'its name is too long',
};

function unreadable(file: string, error: unknown): CodedError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') {
    return new CodedError(ERRORS.INVENTORY_NOT_FOUND, `${file} does not exist`, { cause: error });
  }
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  return new CodedError(ERRORS.INVENTORY_UNREADABLE, `${file} cannot be read: ${reason}`, { cause: error });
}

function decode(file: string, bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isUtf16) {
    throw new CodedError(ERRORS.INVENTORY_UNREADABLE, `${file} is UTF-16 text`, {
      hint: 'Save it as UTF-8.',
    });
  }
  if (bytes.includes(0)) {
    throw new CodedError(ERRORS.INVENTORY_UNREADABLE, `${file} is not a text file`);
  }
  try {
    // The decoder also takes off a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CodedError(ERRORS.INVENTORY_UNREADABLE, `${file} is not UTF-8 text`, {
      hint: 'Save it as UTF-8.',
      cause: error,
    });
  }
}

/** The inventory's text without a byte order mark. Rejects with INVENTORY_NOT_FOUND or INVENTORY_UNREADABLE. */
export async function readInventoryFile(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    const information = await stat(file);
    if (information.isDirectory()) {
      throw new CodedError(ERRORS.INVENTORY_UNREADABLE, `${file} is a folder`, {
        hint: `Name the file in it: -i ${file}/inventory.yaml`,
      });
    }
    if (information.size > LARGEST_INVENTORY_BYTES) {
      throw new CodedError(
        ERRORS.INVENTORY_UNREADABLE,
        `${file} has ${information.size} bytes; an inventory has at most ${LARGEST_INVENTORY_BYTES}`,
      );
    }
    bytes = await readFile(file);
  } catch (error) {
    throw error instanceof CodedError ? error : unreadable(file, error);
  }
  return decode(file, bytes);
}
