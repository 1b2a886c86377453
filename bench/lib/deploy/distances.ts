import { appendFile } from 'node:fs/promises';
import { type DelayProxy, startDelayProxy } from '../../../test/e2e/fleet/delay-proxy.ts';
import type { FleetHost } from '../../../test/e2e/fleet/fleet-host.ts';
import type { Fleet } from '../../../test/e2e/fleet/fleet.ts';

/** Round-trip times to a host, in milliseconds. */
export const ROUND_TRIPS_MS = [0, 20, 50] as const;

export type RoundTripMs = (typeof ROUND_TRIPS_MS)[number];

/** Where a host is reached. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The hosts of a fleet, each at several distances: itself, and behind proxies that delay every byte. */
export class Distances {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #proxies: DelayProxy[] = [];

  /** The operator knows the hosts' keys behind the proxies too. */
  static async create(fleet: Fleet): Promise<Distances> {
    const distances = new Distances();
    for (const host of fleet.hosts) {
      for (const roundTripMs of ROUND_TRIPS_MS) {
        const endpoint = await distances.#open(host, roundTripMs);
        distances.#endpoints.set(`${host.name} ${String(roundTripMs)}`, endpoint);
        if (roundTripMs === 0) continue;
        const known = `[${endpoint.address}]:${String(endpoint.port)} ${await host.publicKey()}\n`;
        await appendFile(fleet.operator.knownHosts, known);
      }
    }
    return distances;
  }

  /** Where a host is reached at a distance that was opened. */
  endpoint(host: string, roundTripMs: RoundTripMs): Endpoint {
    const found = this.#endpoints.get(`${host} ${String(roundTripMs)}`);
    if (found === undefined) throw new Error(`no way to ${host} of ${String(roundTripMs)} ms`);
    return found;
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  async #open(host: FleetHost, roundTripMs: RoundTripMs): Promise<Endpoint> {
    const { address, port } = host;
    if (roundTripMs === 0) return { address, port };
    const proxy = await startDelayProxy({ host: address, port }, roundTripMs);
    this.#proxies.push(proxy);
    return { address: '127.0.0.1', port: proxy.port };
  }
}
