import { connect } from 'node:net';
import { type BaseAgent, createAgent, type ParsedKey } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { expandPath, type PathTokens } from './expand-path.ts';
import { WireReader, wireField } from './wire.ts';

/** An agent that has been asked for its keys answers at once, or is stuck: 3 s. */
const LIST_LIMIT_MS = 3000;

/**
 * Path of the ssh agent's socket, or null for none.
 * @param identityAgent ssh_config's IdentityAgent; null when it says nothing.
 */
export function agentSocket(
  identityAgent: string | null,
  env: NodeJS.ProcessEnv,
  tokens: PathTokens,
): string | null {
  if (identityAgent?.toLowerCase() === 'none') return null;
  const fromEnvironment = (name: string): string | null => (env[name] === '' ? null : (env[name] ?? null));
  if (identityAgent === null || identityAgent === 'SSH_AUTH_SOCK') return fromEnvironment('SSH_AUTH_SOCK');
  const [, variable] = /^\$\{?(\w+)\}?$/.exec(identityAgent) ?? [];
  return variable === undefined ? expandPath(identityAgent, tokens) : fromEnvironment(variable);
}

/** The keys of an ssh agent. Security keys are left out: ssh2 does not know them. */
export class KeyAgent {
  readonly #agent: BaseAgent;
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
    this.#agent = createAgent(socket);
  }

  /** @throws Error when the agent cannot be reached or does not answer in time. */
  async keys(): Promise<ParsedKey[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('does not answer')), LIST_LIMIT_MS);
      this.#agent.getIdentities((error, keys) => {
        clearTimeout(timer);
        if (error === undefined || error === null) resolve((keys ?? []).filter(isParsed));
        else reject(error);
      });
    });
  }

  /** The certificates that the agent holds, which ssh2 leaves out. */
  async certificates(): Promise<Certificate[]> {
    const answer = await askAgent(this.#socket, REQUEST_IDENTITIES);
    const reader = new WireReader(answer.subarray(1));
    const count = answer[0] === IDENTITIES_ANSWER ? (reader.uint32() ?? 0) : 0;
    const certificates: Certificate[] = [];
    for (let index = 0; index < count; index += 1) {
      const certificate = parseCertificate(reader.bytes() ?? Buffer.alloc(0));
      reader.bytes(); // a comment
      if (certificate !== null) certificates.push(certificate);
    }
    return certificates;
  }

  /** Asks for a signature, which a person may have to allow. */
  async sign(key: ParsedKey, data: Buffer, hash: Hash | undefined): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#agent.sign(key, data, hash === undefined ? {} : { hash }, (error, signature) => {
        if (signature !== undefined) resolve(signature);
        else reject(new CodedError(ERRORS.AUTH_FAILED, 'the agent does not sign', { cause: error }));
      });
    });
  }
}

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;

/** Sends a request of one byte to an agent; answers with its message. */
async function askAgent(path: string, request: number): Promise<Buffer> {
  const socket = connect(path);
  socket.setTimeout(LIST_LIMIT_MS, () => socket.destroy(new Error('does not answer')));
  socket.write(wireField(Buffer.from([request])));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    const message = new WireReader(received).bytes();
    if (message !== null) return message;
  }
  throw new Error('ended in the middle of an answer');
}

/** Hash of an RSA signature. */
export type Hash = 'sha1' | 'sha256' | 'sha512';

function isParsed(key: unknown): key is ParsedKey {
  return typeof key === 'object' && key !== null && 'getPublicSSH' in key;
}
