import type { BenchServer } from './peer-server.ts';
import type { StreamSample } from './stream-client.ts';

/** @throws Error with the first failure among what the server was asked. */
export function requireAnswered(server: BenchServer, samples: readonly StreamSample[]): void {
  for (const { error } of samples) {
    if (error !== null) throw new Error(`a request to ${server.name} failed: ${error}`);
  }
}
