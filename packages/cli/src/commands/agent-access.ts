import { type AdminStatus, CodedError } from '@mlxfleet/protocol';
import { z } from 'zod';
import type { Target } from '../deploy-types/target.ts';
import { protocolMismatch } from '../agent-client/answer-error.ts';
import { ERRORS } from '../errors.ts';
import { gatherFacts } from '../facts/facts.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';

/** Where the agent of a host is. */
export interface AgentAccess {
  /** Absolute path of the root on the host. */
  readonly root: string;
  /** Null when the agent did not answer on the host itself. */
  readonly status: AdminStatus | null;
}

/**
 * Looks for the agent of a host.
 * @throws CodedError NOTHING_DEPLOYED, AGENT_NOT_RUNNING or PROTOCOL_MISMATCH with what to do.
 */
export async function findAgent(target: Target, signal: AbortSignal): Promise<AgentAccess> {
  const { host, settings } = target;
  const facts = await gatherFacts(host, settings, ['system', 'current', 'service', 'admin'], { signal });
  if (facts.current === null || facts.system === null) {
    throw new CodedError(ERRORS.NOTHING_DEPLOYED, `${settings.name}: mlxfleet is not installed there`, {
      hint: `Install it: mlxfleet deploy ${settings.name}`,
    });
  }
  if (facts.service?.state !== 'running') {
    throw new CodedError(ERRORS.AGENT_NOT_RUNNING, `${settings.name}: the agent does not run`, {
      hint: `Start it: mlxfleet start ${settings.name}`,
    });
  }
  const mismatch = protocolMismatch(settings.name, facts.agentProtocol);
  if (mismatch !== null) throw mismatch;
  return { root: facts.system.root, status: facts.admin };
}

const tokenSchema = z.object({ token: z.string().nullable() });

/** Content of `shared/admin-token`, which stands in for an API key; null when it cannot be read. */
export async function readAdminToken(
  target: Target,
  root: string,
  signal: AbortSignal,
): Promise<string | null> {
  let token: string | null = null;
  await runJsonScript(
    target.host,
    script(['lib', 'admin-token'], { ROOT: root }),
    (message) => {
      token = tokenSchema.safeParse(message).data?.token ?? token;
    },
    { signal },
  );
  return token;
}
