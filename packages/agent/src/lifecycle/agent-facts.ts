import path from 'node:path';
import { CodedError, memoryTier } from '@mlxfleet/protocol';
import type { AgentFacts } from '../agent-services.ts';
import { PROCESS_ERRORS } from '../errors.ts';
import { totalMemory } from '../memory/system-memory.ts';
import { readOrMakeAdminToken } from './admin-token.ts';
import type { AgentOptions } from './agent-options.ts';
import type { Folders } from './folders.ts';
import { machineType } from './host-facts.ts';

/**
 * What the configuration leaves open is decided by the size of the machine.
 * @throws CodedError ROOT_UNUSABLE.
 */
export async function agentFacts(
  { config, release, worker }: AgentOptions,
  { shared }: Folders,
): Promise<AgentFacts> {
  const totalMemoryBytes = totalMemory();
  const tier = memoryTier(totalMemoryBytes);
  return {
    release,
    machineType: await machineType(),
    totalMemoryBytes,
    idleTimeoutSeconds: config.idle_timeout_seconds ?? tier.idleTimeoutSeconds,
    memoryLimitBytes: config.memory_limit_bytes ?? tier.memoryLimitBytes,
    hasVisionEnvironment: (worker.visionPython ?? null) !== null,
    adminToken: adminToken(path.join(shared, 'admin-token')),
  };
}

function adminToken(file: string): string {
  try {
    return readOrMakeAdminToken(file);
  } catch (error) {
    throw new CodedError(PROCESS_ERRORS.ROOT_UNUSABLE, `cannot write ${file}`, { cause: error });
  }
}
