import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { wireType } from './fingerprint.ts';

/** Adds host keys to known_hosts files, one after the other: the hosts of a command share a file. */
export class KnownHostsRecorder {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Appends one line; makes the file (0600) and its folder (0700) where they are missing.
   * @throws CodedError HOST_KEY_UNKNOWN when the file cannot be written.
   */
  async record(file: string, name: string, key: Buffer, hashed: boolean): Promise<void> {
    const done = this.#last.then(async () =>
      append(file, `${hashed ? hashedName(name) : name} ${wireType(key)} ${key.toString('base64')}\n`),
    );
    this.#last = done.catch(() => undefined);
    try {
      await done;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CodedError(ERRORS.HOST_KEY_UNKNOWN, `the key of ${name} cannot be recorded: ${reason}`, {
        hint: `Make ${file} writable, or set UserKnownHostsFile in ssh_config.`,
        cause: error,
      });
    }
  }
}

async function append(file: string, line: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600);
  try {
    const { size } = await handle.stat();
    const end = Buffer.alloc(1);
    if (size > 0) await handle.read(end, 0, 1, size - 1);
    // A file edited by hand may end without a line feed; the new line must not become part of its last one.
    await handle.appendFile(size > 0 && end.toString() !== '\n' ? `\n${line}` : line);
  } finally {
    await handle.close();
  }
}

/** A name in the form that HashKnownHosts asks for: salt and HMAC-SHA1 of the name. */
function hashedName(name: string): string {
  const salt = randomBytes(20);
  const hash = createHmac('sha1', salt).update(name).digest('base64');
  return `|1|${salt.toString('base64')}|${hash}`;
}
