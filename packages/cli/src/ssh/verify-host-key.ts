import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { fingerprint, keyTypeName, wireType } from './fingerprint.ts';
import {
  findKnownKeys,
  type HostKeyVerdict,
  judgeHostKey,
  type KnownKey,
  knownHostsName,
} from './known-hosts.ts';
import type { Hop } from './route.ts';
import type { SshContext } from './ssh-context.ts';

/** What known_hosts says about one hop, looked up before the connection is made. */
export interface Acquaintance {
  /** Under which name the key is recorded. */
  readonly name: string;
  readonly known: readonly KnownKey[];
}

/** Looks a hop up in every known_hosts file that ssh_config names for it. */
export async function lookUpHost(hop: Hop, context: SshContext): Promise<Acquaintance> {
  const { hostname, port, hostKeyAlias, userKnownHosts, globalKnownHosts } = hop.config;
  const name = hostKeyAlias ?? knownHostsName(hostname, port);
  const files = [...userKnownHosts, ...globalKnownHosts];
  const known = await findKnownKeys(name, files, context.env);
  return { name, known };
}

/** What to do once a hop's key is accepted. */
export interface AcceptedKey {
  readonly key: Buffer;
  /** Whether it still has to be recorded. */
  readonly isNew: boolean;
}

/**
 * Decides about the key that a hop shows, asking where known_hosts says nothing.
 * @throws CodedError HOST_KEY_UNKNOWN, HOST_KEY_CHANGED, HOST_KEY_REVOKED, HOST_CERTIFICATE_UNSUPPORTED.
 */
export async function verifyHostKey(
  hop: Hop,
  offered: Buffer,
  acquaintance: Acquaintance,
  context: SshContext,
): Promise<AcceptedKey> {
  const { name, known } = acquaintance;
  const verdict = judgeHostKey(offered, known);
  if (verdict.kind === 'known') return { key: offered, isNew: false };
  if (verdict.kind === 'unknown') {
    return { key: offered, isNew: await acceptUnknown(hop, offered, name, context) };
  }
  const shown = `${keyTypeName(wireType(offered))} key ${fingerprint(offered)}`;
  throw refusal(hop, shown, name, verdict);
}

function refusal(
  hop: Hop,
  shown: string,
  name: string,
  verdict: Exclude<HostKeyVerdict, { kind: 'known' } | { kind: 'unknown' }>,
): CodedError {
  if (verdict.kind === 'revoked') {
    return new CodedError(
      ERRORS.HOST_KEY_REVOKED,
      `${hop.name}: the host shows the ${shown}, which ${placeOf(verdict.by)} revokes`,
    );
  }
  if (verdict.kind === 'certificate-only') {
    return new CodedError(
      ERRORS.HOST_CERTIFICATE_UNSUPPORTED,
      `${hop.name}: ${placeOf(verdict.by)} trusts the host only through a certificate authority`,
    );
  }
  const lines = verdict.known.map(placeOf).join(', ');
  const files = [...new Set(verdict.known.map(({ file }) => file))];
  const commands = files.map((file) => `ssh-keygen -R '${name}' -f '${file}'`).join(' && ');
  const say = verdict.known.length === 1 ? 'says' : 'say';
  return new CodedError(
    ERRORS.HOST_KEY_CHANGED,
    `${hop.name}: the host shows the ${shown}, and ${lines} ${say} another`,
    {
      hint: `Somebody may be between you and the host. If it was reinstalled, remove ${lines} (${commands}) and connect again.`,
    },
  );
}

function placeOf(entry: KnownKey): string {
  return `${entry.file}:${String(entry.line)}`;
}

/** True when the key is to be recorded; false when an older entry without the port holds it. */
async function acceptUnknown(hop: Hop, offered: Buffer, name: string, context: SshContext): Promise<boolean> {
  const { hostname, hostKeyAlias, userKnownHosts, globalKnownHosts, strictHostKeyChecking } = hop.config;
  const portless = hostname.toLowerCase();
  if (hostKeyAlias === null && portless !== name) {
    // As ssh does: a key that is known for the host without its port is this host's.
    const files = [...userKnownHosts, ...globalKnownHosts];
    const verdict = judgeHostKey(offered, await findKnownKeys(portless, files, context.env));
    if (verdict.kind === 'known') return false;
  }
  if (context.acceptNew || strictHostKeyChecking === 'accept-new' || strictHostKeyChecking === 'no')
    return true;
  const question = {
    host: hop.name,
    knownAs: name,
    keyType: keyTypeName(wireType(offered)),
    fingerprint: fingerprint(offered),
  };
  const answer = strictHostKeyChecking === 'yes' ? null : await context.questions.acceptsHostKey(question);
  if (answer === true) return true;
  const refused = answer === false ? ', and it was not accepted' : '';
  throw new CodedError(
    ERRORS.HOST_KEY_UNKNOWN,
    `${hop.name}: the host shows the ${question.keyType} key ${question.fingerprint}, which is not known${refused}`,
  );
}
