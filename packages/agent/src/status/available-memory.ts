import type { AgentServices } from '../agent-services.ts';

/** Bytes that programs can take without swapping; null while the system does not say. */
export async function availableMemory({ readMemory }: AgentServices): Promise<number | null> {
  return await readMemory().then(
    ({ availableBytes }) => availableBytes,
    () => null,
  );
}
