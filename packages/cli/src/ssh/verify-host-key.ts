import type { Duplex } from 'node:stream';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import type { Certificate } from './certificate.ts';
import { fingerprint, keyTypeName, wireType } from './fingerprint.ts';
import { certificateTrouble, fetchHostCertificate } from './host-certificate.ts';
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
 * @param openAnother makes one more connection to the hop, to ask for its certificate.
 * @throws CodedError HOST_KEY_UNKNOWN, HOST_KEY_CHANGED, HOST_KEY_REVOKED, HOST_CERTIFICATE_INVALID.
 */
export async function verifyHostKey(
  hop: Hop,
  offered: Buffer,
  acquaintance: Acquaintance,
  context: SshContext,
  openAnother: () => Promise<Duplex>,
): Promise<AcceptedKey> {
  const verdict = await judge(hop, offered, acquaintance, context, openAnother);
  if (verdict.kind === 'known') return { key: offered, isNew: false };
  const { name } = acquaintance;
  if (verdict.kind === 'unknown') {
    await askAboutUnknown(hop, offered, name, context);
    return { key: offered, isNew: true };
  }
  const shown = `${keyTypeName(wireType(offered))} key ${fingerprint(offered)}`;
  throw refusal(hop, shown, name, verdict);
}

type PlainVerdict = Exclude<HostKeyVerdict, { kind: 'by-certificate' }>;

/** What known_hosts says of the key, with the word of the host's certificate where an authority is trusted. */
async function judge(
  hop: Hop,
  offered: Buffer,
  acquaintance: Acquaintance,
  context: SshContext,
  openAnother: () => Promise<Duplex>,
): Promise<PlainVerdict> {
  const { name } = acquaintance;
  let { known } = acquaintance;
  let verdict = judgeHostKey(offered, known);
  const { hostname, hostKeyAlias, userKnownHosts, globalKnownHosts } = hop.config;
  const portless = hostname.toLowerCase();
  if (verdict.kind === 'unknown' && hostKeyAlias === null && portless !== name) {
    // As ssh does: what is known of the host without its port is true of this one, but for another key of it.
    known = await findKnownKeys(portless, [...userKnownHosts, ...globalKnownHosts], context.env);
    const elsewhere = judgeHostKey(offered, known);
    if (elsewhere.kind !== 'changed') verdict = elsewhere;
  }
  if (verdict.kind !== 'by-certificate') return verdict;
  const certificate = await fetchHostCertificate(await openAnother(), wireType(offered));
  if (certificate === null) return verdict.otherwise;
  refuseUnlessGood(certificate, hop, offered, known, verdict.by);
  return { kind: 'known' };
}

function refuseUnlessGood(
  certificate: Certificate,
  hop: Hop,
  offered: Buffer,
  known: readonly KnownKey[],
  by: KnownKey,
): void {
  const { hostname, hostKeyAlias } = hop.config;
  const name = (hostKeyAlias ?? hostname).toLowerCase();
  const trouble = certificateTrouble(certificate, offered, name, known);
  if (trouble === null) return;
  throw new CodedError(
    ERRORS.HOST_CERTIFICATE_INVALID,
    `${hop.name}: ${placeOf(by)} trusts an authority, and the certificate of the host ${trouble}`,
  );
}

function refusal(
  hop: Hop,
  shown: string,
  name: string,
  verdict: Extract<HostKeyVerdict, { kind: 'revoked' } | { kind: 'changed' }>,
): CodedError {
  if (verdict.kind === 'revoked') {
    return new CodedError(
      ERRORS.HOST_KEY_REVOKED,
      `${hop.name}: the host shows the ${shown}, which ${placeOf(verdict.by)} revokes`,
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

/** @throws CodedError HOST_KEY_UNKNOWN unless the key is accepted, by a setting or by a person. */
async function askAboutUnknown(hop: Hop, offered: Buffer, name: string, context: SshContext): Promise<void> {
  const { strictHostKeyChecking } = hop.config;
  if (context.acceptNew || strictHostKeyChecking === 'accept-new' || strictHostKeyChecking === 'no') return;
  const question = {
    host: hop.name,
    knownAs: name,
    keyType: keyTypeName(wireType(offered)),
    fingerprint: fingerprint(offered),
  };
  const answer = strictHostKeyChecking === 'yes' ? null : await context.questions.acceptsHostKey(question);
  if (answer === true) return;
  const refused = answer === false ? ', and it was not accepted' : '';
  throw new CodedError(
    ERRORS.HOST_KEY_UNKNOWN,
    `${hop.name}: the host shows the ${question.keyType} key ${question.fingerprint}, which is not known${refused}`,
  );
}
