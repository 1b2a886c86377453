import type { AgentServices } from '../agent-services.ts';

/** Bytes that programs can take without swapping; null while the system does not say. */
export async function availableMemory({ memory }: AgentServices): Promise<number | null> {
  return await memory.read().then(
    ({ availableBytes }) => availableBytes,
    () => null,
  );
}
