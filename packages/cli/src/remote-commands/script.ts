import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { distributionFolder } from '../release/distribution-folder.ts';
import { quote } from './quote.ts';

/** Files of `packages/cli/remote`, without `.sh`. */
export type ScriptPart =
  | 'lib'
  | 'lock'
  | 'releases'
  | 'gate'
  | 'undo'
  | 'pending'
  | 'guard'
  | 'confirm'
  | 'pruning'
  | 'service-detached'
  | 'facts'
  | 'facts-details'
  | 'apply'
  | 'rollback'
  | 'service'
  | 'logs'
  | 'exec'
  | 'hook'
  | 'prune'
  | 'unlock'
  | 'uninstall'
  | 'admin-token'
  | 'doctor';

/** A script to send, and the lines that its answer stands between. */
export interface RemoteScript {
  readonly text: string;
  readonly beginSentinel: string;
  readonly endSentinel: string;
}

const VARIABLE = /^[A-Z][A-Z0-9_]*$/;

/**
 * Assembles a script from parts, which only define functions, and values, which become quoted assignments. `main` of the
 * last part runs once the shell has read everything, so that stdin is free and a script cut short does nothing.
 */
export function script(
  parts: readonly ScriptPart[],
  variables: Readonly<Record<string, string>>,
): RemoteScript {
  const nonce = randomBytes(8).toString('hex');
  const beginSentinel = `=== mlxfleet ${nonce} begin`;
  const endSentinel = `=== mlxfleet ${nonce} end`;
  const assignments = Object.entries({
    SENTINEL_BEGIN: beginSentinel,
    SENTINEL_END: endSentinel,
    ...variables,
  }).map(([name, value]) => {
    if (!VARIABLE.test(name)) throw new TypeError(`not a variable of a script: ${name}`);
    return `${name}=${quote(value)}`;
  });
  const text = [...assignments, ...parts.map((part) => readPart(part)), '{ main; exit; }', ''].join('\n');
  return { text, beginSentinel, endSentinel };
}

const partTexts = new Map<ScriptPart, string>();

function readPart(part: ScriptPart): string {
  const known = partTexts.get(part);
  if (known !== undefined) return known;
  const text = readFileSync(join(distributionFolder(), 'packages/cli/remote', `${part}.sh`), 'utf8');
  partTexts.set(part, text);
  return text;
}
