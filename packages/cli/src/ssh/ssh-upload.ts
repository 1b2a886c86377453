import { createReadStream } from 'node:fs';
import { dirname } from 'node:path/posix';
import { pipeline } from 'node:stream/promises';
import type { ClientChannel } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { CountingStream } from '../hosts/counting-stream.ts';
import type { UploadOptions } from '../hosts/host.ts';
import { quote, shellIndependentCommand } from '../remote-commands/quote.ts';
import type { ScriptProcess } from '../hosts/script-session.ts';
import { INPUT_PREFACE, INPUT_TAKEN, INPUT_TAKEN_HINT, SKIP_TO_INPUT } from './shell-start.ts';

/** Exit code of the upload's command when the host holds fewer bytes than the caller thinks. */
const WRONG_OFFSET = 75;

/** Bytes read from the disk at a time; small ones cost more in encryption than in sending. */
const CHUNK_BYTES = 256 * 1024;

/** Bytes that `dd` passes over at a time. */
const SKIP_BYTES = 65_536;

/** A command that reads past bytes of descriptor 3, which moves the place where the next write begins. */
function skip(bytes: number, count: number): string {
  return bytes * count === 0 ? ':' : `dd bs=${String(bytes)} count=${String(count)} <&3 >/dev/null 2>&1`;
}

/**
 * The command that writes its input to a part file which holds `offset` bytes at least, from there on. What lies behind is
 * overwritten and nothing is cut off: two uploads of the same file at the same time make one file and not two in one.
 */
export function uploadCommand(part: string, offset: number): string {
  const script = [
    SKIP_TO_INPUT,
    'umask 077; LC_ALL=C; export LC_ALL',
    `mkdir -p ${quote(dirname(part))} || exit 1`,
    `held=0; if [ -e ${quote(part)} ]; then held=$(wc -c <${quote(part)}) || exit 1; fi`,
    `if [ "$held" -lt ${String(offset)} ]; then echo "$held" >&2; exit ${String(WRONG_OFFSET)}; fi`,
    `exec 3<>${quote(part)} || exit 1`,
    `${skip(SKIP_BYTES, Math.floor(offset / SKIP_BYTES))} && ${skip(offset % SKIP_BYTES, 1)} || exit 1`,
    'exec cat >&3',
  ].join('\n');
  return shellIndependentCommand(script);
}

export interface Upload {
  /** For messages. */
  readonly host: string;
  readonly localPath: string;
  readonly part: string;
  readonly options: UploadOptions;
}

/**
 * Sends a file, from an offset, into a session that runs uploadCommand.
 * @throws CodedError UPLOAD_FAILED, DISK_FULL; whatever `process.ended` rejects with; the signal's reason.
 */
export async function sendFile(
  upload: Upload,
  channel: ClientChannel,
  process: ScriptProcess,
): Promise<void> {
  const { host, localPath, options } = upload;
  const { offset = 0, onProgress, signal } = options;
  let complaint = '';
  channel.stderr.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-2000);
  });
  // Output that nobody reads would hold the session open.
  channel.resume();
  channel.write(INPUT_PREFACE);
  const ended = new AbortController();
  const exit = process.ended.finally(() => ended.abort());
  exit.catch(() => undefined);
  try {
    await pipeline(
      createReadStream(localPath, { start: offset, highWaterMark: CHUNK_BYTES }),
      new CountingStream(offset, onProgress),
      channel,
      { signal: signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]) },
    );
  } catch (error) {
    signal?.throwIfAborted();
    // When the session ended first, its end says why; otherwise the local file is at fault.
    if (!ended.signal.aborted) {
      process.kill();
      const reason = error instanceof Error ? error.message : String(error);
      throw new CodedError(ERRORS.UPLOAD_FAILED, `${host}: ${reason}`, { cause: error });
    }
  }
  const code = await exit;
  if (code === 0) return;
  throw uploadFailure(upload, code, complaint.trim());
}

/** The error of an upload whose command ended with another exit code than 0. */
export function uploadFailure(upload: Upload, code: number | null, said: string): CodedError {
  const { host, part, options } = upload;
  if (code === WRONG_OFFSET) {
    const held = said.split('\n').at(-1)?.trim() ?? '?';
    return new CodedError(
      ERRORS.UPLOAD_FAILED,
      `${host}: ${part} holds ${held} bytes, not ${String(options.offset ?? 0)}`,
    );
  }
  if (code === INPUT_TAKEN) {
    return new CodedError(ERRORS.UPLOAD_FAILED, `${host}: the login shell has read the file`, {
      hint: INPUT_TAKEN_HINT,
    });
  }
  const full = /no space left|quota exceeded/i.test(said);
  return new CodedError(
    full ? ERRORS.DISK_FULL : ERRORS.UPLOAD_FAILED,
    `${host}: ${said === '' ? `the upload ended with exit code ${String(code)}` : said}`,
  );
}
