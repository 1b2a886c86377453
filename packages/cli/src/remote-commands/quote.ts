import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/**
 * Quotes a value as one word of a POSIX shell: the only place where a value becomes shell text. Inside single quotes
 * every byte stands for itself, so nothing but the single quote needs care.
 * @throws CodedError VALUE_UNQUOTABLE for a value with a NUL, which no shell can hold.
 */
export function quote(value: string): string {
  if (value.includes('\0')) {
    throw new CodedError(ERRORS.VALUE_UNQUOTABLE, 'a value with a NUL character cannot be sent to a host');
  }
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * A command line that runs a POSIX script under whatever login shell a user has: fish, csh and the rest disagree about
 * quotes and backslashes, so the script travels as octal numbers that every one of them passes on unchanged.
 */
export function shellIndependentCommand(posixScript: string): string {
  quote(posixScript);
  const octal = [...Buffer.from(posixScript)]
    .map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`)
    .join('');
  return `exec /bin/sh -c 'eval "$(printf %b "${octal}")"'`;
}
