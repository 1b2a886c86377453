import { readFile } from 'node:fs/promises';
import type { ParsedKey } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { agentSocket, KeyAgent } from './agent-socket.ts';
import { type Certificate, parseCertificateLine, timeTrouble } from './certificate.ts';
import { certifiedKey } from './certified-key.ts';
import type { Deadline } from './deadline.ts';
import { expandPath, type PathTokens } from './expand-path.ts';
import { decryptKey, type KeyFile, parsePublicKey, readKeyFile } from './key-file.ts';
import type { RingKey } from './key-ring.ts';
import type { Hop } from './route.ts';
import { accountOf, type SshContext } from './ssh-context.ts';

/** The keys for one host, and what was left out of them. */
export interface GatheredKeys {
  readonly keys: readonly RingKey[];
  /** One clause for each key or agent that cannot be used, for people. */
  readonly skipped: readonly string[];
}

/**
 * Collects keys in the order in which they are offered: the inventory's identity, keys of the agent that ssh_config
 * names as identity, the agent's other keys unless IdentitiesOnly is set, then key files.
 * @throws CodedError KEY_UNUSABLE when the identity that the inventory names is missing or unusable.
 */
export async function gatherKeys(hop: Hop, context: SshContext, deadline: Deadline): Promise<GatheredKeys> {
  const tokens = tokensOf(hop, context);
  const skipped: string[] = [];
  const paths = [
    ...(hop.identity === null ? [] : [hop.identity]),
    ...hop.config.identityFiles.map((file) => expandPath(file, tokens)),
  ];
  const files = await Promise.all([...new Set(paths)].map(readKeyFile));
  for (const file of files) {
    if (file.kind === 'unusable') skipped.push(`${file.path} ${file.reason}`);
    if (file.path === hop.identity) refuseUnusable(hop, file);
  }
  const certificates = await certificatesBeside(hop, files, tokens, skipped);

  const fileKeys: FileKey[] = [];
  for (const file of files) {
    const key = await fileKey(file, hop, context, deadline, skipped);
    if (key !== null) fileKeys.push(key);
  }
  const agentKeys = await keysOfAgent(hop, context, deadline, tokens, skipped);
  const agentCertificates = await certificatesOfAgent(hop, context, deadline, tokens);
  const wanted = new Map(fileKeys.map((key) => [wire(key.publicKey), key]));
  const inAgent = new Set(agentKeys.map((key) => wire(key.publicKey)));
  const named = fileKeys.flatMap((key) =>
    agentKeys.filter((held) => wire(held.publicKey) === wire(key.publicKey)),
  );
  const others = agentKeys.filter((key) => !wanted.has(wire(key.publicKey)));
  const onlyFiles = fileKeys.filter((key) => !inAgent.has(wire(key.publicKey)));
  const isExplicit = (key: FileKey): boolean => key.path === hop.identity;
  for (const key of onlyFiles.filter(({ sign }) => sign === null)) {
    skipped.push(`${key.path} is only a public key, and the agent does not hold its private one`);
  }
  const keys = [
    ...named.filter((key) => isExplicitIn(wanted, key, hop)),
    ...onlyFiles.filter(isExplicit).flatMap(usable),
    ...named.filter((key) => !isExplicitIn(wanted, key, hop)),
    ...(hop.config.identitiesOnly ? [] : others),
    ...onlyFiles.filter((key) => !isExplicit(key)).flatMap(usable),
  ];
  const certified = certificates.flatMap(({ file, certificate }) => {
    const key = keys.find((candidate) => candidate.publicKey.getPublicSSH().equals(certificate.publicKey));
    if (key === undefined) skipped.push(`${file} is a certificate for a key that is not here`);
    return key === undefined ? [] : [certifiedKey(certificate, file, key)];
  });
  const named64 = new Set(fileKeys.map((key) => wire(key.publicKey)));
  const held = agentCertificates.filter(
    ({ certificate }) => !hop.config.identitiesOnly || named64.has(certificate.publicKey.toString('base64')),
  );
  // Before the bare keys, which a host that has certificates often does not know.
  return { keys: [...withoutRepeats([...certified, ...held.map(({ key }) => key)]), ...keys], skipped };
}

function withoutRepeats(keys: readonly RingKey[]): RingKey[] {
  return [...new Map(keys.map((key) => [wire(key.publicKey), key])).values()];
}

/** A key of a file; `sign` is null when only its public half is there. */
interface FileKey {
  readonly path: string;
  readonly publicKey: ParsedKey;
  readonly sign: RingKey['sign'] | null;
}

function usable(key: FileKey): RingKey[] {
  return key.sign === null ? [] : [{ origin: key.path, publicKey: key.publicKey, sign: key.sign }];
}

function isExplicitIn(files: ReadonlyMap<string, FileKey>, key: RingKey, hop: Hop): boolean {
  return files.get(wire(key.publicKey))?.path === hop.identity;
}

function wire(key: ParsedKey): string {
  return key.getPublicSSH().toString('base64');
}

function tokensOf(hop: Hop, context: SshContext): PathTokens {
  const account = accountOf(context.env);
  return {
    home: account.home,
    hostname: hop.config.hostname,
    address: hop.address,
    port: hop.config.port,
    remoteUser: hop.config.user,
    localUser: account.user,
  };
}

function refuseUnusable(hop: Hop, file: KeyFile): void {
  if (file.kind !== 'missing' && file.kind !== 'unusable') return;
  const reason = file.kind === 'missing' ? 'does not exist' : file.reason;
  throw new CodedError(ERRORS.KEY_UNUSABLE, `${hop.name}: the identity ${file.path} ${reason}`);
}

/** The certificates of files that ssh would use: beside the keys, and those that ssh_config names. */
async function certificatesBeside(
  hop: Hop,
  files: readonly KeyFile[],
  tokens: PathTokens,
  skipped: string[],
): Promise<{ file: string; certificate: Certificate }[]> {
  const candidates = [
    ...files.filter(({ kind }) => kind !== 'missing').map(({ path }) => `${path}-cert.pub`),
    ...hop.config.certificateFiles.map((file) => expandPath(file, tokens)),
  ];
  const found: { file: string; certificate: Certificate }[] = [];
  for (const file of new Set(candidates)) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text === null) continue;
    const certificate = parseCertificateLine(text);
    const trouble =
      certificate === null ? 'is not a certificate of a kind that is known' : timeTrouble(certificate);
    if (certificate !== null && trouble === null) found.push({ file, certificate });
    else skipped.push(`${file} ${trouble ?? ''}`);
  }
  return found;
}

async function fileKey(
  file: KeyFile,
  hop: Hop,
  context: SshContext,
  deadline: Deadline,
  skipped: string[],
): Promise<FileKey | null> {
  if (file.kind === 'missing' || file.kind === 'unusable') return null;
  if (file.kind === 'public') {
    const publicKey = parsePublicKey(file.publicKey);
    return publicKey === null ? null : { path: file.path, publicKey, sign: null };
  }
  if (file.kind === 'private') {
    return { path: file.path, publicKey: file.key, sign: async (data, hash) => file.key.sign(data, hash) };
  }
  const unlock = async (): Promise<ParsedKey | null> =>
    deadline.pauseDuring(
      context.questions.unlock(file.path, (passphrase) => decryptKey(file.text, passphrase)),
    );
  // A format that hides the public half too: there is nothing to show the host before the passphrase is known.
  const publicKey = file.publicKey === null ? await unlock() : parsePublicKey(file.publicKey);
  if (publicKey === null) {
    skipped.push(`${file.path} is encrypted, and its passphrase is not known`);
    return null;
  }
  return {
    path: file.path,
    publicKey,
    sign: async (data, hash) => {
      const key = await unlock();
      if (key !== null) return key.sign(data, hash);
      throw new CodedError(
        ERRORS.PASSPHRASE_NEEDED,
        `${hop.name}: the host takes the key ${file.path}, which is encrypted`,
      );
    },
  };
}

async function keysOfAgent(
  hop: Hop,
  context: SshContext,
  deadline: Deadline,
  tokens: PathTokens,
  skipped: string[],
): Promise<RingKey[]> {
  const socket = agentSocket(hop.config.identityAgent, context.env, tokens);
  if (socket === null) return [];
  const agent = new KeyAgent(socket);
  try {
    const keys = await agent.keys();
    return keys.map((key) => ({
      origin: `agent: ${key.comment === '' ? 'key without a comment' : key.comment}`,
      publicKey: key,
      sign: async (data, hash) => deadline.pauseDuring(agent.sign(key, data, hash)),
    }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    skipped.push(`the agent at ${socket} cannot be used (${reason})`);
    return [];
  }
}

/** Certificates of the agent. It was asked for its keys before, and what was wrong with it was told then. */
async function certificatesOfAgent(
  hop: Hop,
  context: SshContext,
  deadline: Deadline,
  tokens: PathTokens,
): Promise<{ certificate: Certificate; key: RingKey }[]> {
  const socket = agentSocket(hop.config.identityAgent, context.env, tokens);
  if (socket === null) return [];
  const agent = new KeyAgent(socket);
  const certificates = await agent.certificates().catch(() => []);
  return certificates.flatMap((certificate) => {
    const publicKey = parsePublicKey(certificate.publicKey);
    if (publicKey === null || certificate.isForHost || timeTrouble(certificate) !== null) return [];
    // Under the certificate's name the agent has its private key, even where it does not list the bare one.
    const listed: ParsedKey = Object.create(publicKey, { getPublicSSH: { value: () => certificate.wire } });
    const sign: RingKey['sign'] = async (data, hash) => deadline.pauseDuring(agent.sign(listed, data, hash));
    const key = certifiedKey(certificate, 'agent', { origin: 'agent', publicKey, sign });
    return [{ certificate, key }];
  });
}
