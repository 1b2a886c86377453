import { type BaseAgent, createAgent, type ParsedKey } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { expandPath, type PathTokens } from './expand-path.ts';

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

/** The keys of an ssh agent. Security keys and certificates are left out: ssh2 knows neither. */
export class KeyAgent {
  readonly #agent: BaseAgent;

  constructor(socket: string) {
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

/** Hash of an RSA signature. */
export type Hash = 'sha1' | 'sha256' | 'sha512';

function isParsed(key: unknown): key is ParsedKey {
  return typeof key === 'object' && key !== null && 'getPublicSSH' in key;
}
