import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';

/** Shorter ones are not ours: an empty file must not mean an empty password. */
const SHORTEST_TOKEN = 32;

/** The token of the admin API, made when the file is missing. Only the owner may read the file. */
export function readOrMakeAdminToken(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token.length >= SHORTEST_TOKEN) {
      chmodSync(file, 0o600);
      return token;
    }
  } catch {
    // Missing: made below. Unreadable: writing fails and says why.
  }
  const token = randomBytes(32).toString('hex');
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return token;
}
