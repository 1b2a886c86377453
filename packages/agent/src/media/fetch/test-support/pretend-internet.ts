import type { Socket } from 'node:net';
import type { FetchMedia } from '../../fetch-media.ts';
import { dialTcp } from '../dial.ts';
import { FETCH_TIMES, type FetchTimes } from '../fetch-watch.ts';
import { makeFetchMedia } from '../make-fetch-media.ts';
import { TEST_CERTIFICATE } from './test-certificate.ts';

/** Public addresses of servers that run on loopback. Nothing is ever sent to these addresses themselves. */
export const PUBLIC = '93.184.216.34';
export const ANOTHER_PUBLIC = '93.184.216.35';
/** The address that the test certificate names. */
export const CERTIFIED_PUBLIC = '93.184.216.36';

export interface PretendInternet {
  /** What DNS answers: the addresses of each name, and answers in turn where a name has several lists. */
  readonly names?: Readonly<Record<string, readonly string[] | readonly (readonly string[])[]>>;
  /** Ports on loopback by `address:port` of the servers that they stand for; all others refuse connections. */
  readonly servers?: Readonly<Record<string, number>>;
  readonly times?: Partial<FetchTimes>;
  /** The remote address that a socket shows, when not the one that was dialled. */
  readonly shownAddress?: string;
}

export interface PretendFetch {
  readonly fetch: FetchMedia;
  /** Every `address:port` that a connection was asked for, in order. */
  readonly dialled: readonly string[];
  /** Every name that DNS was asked for, in order. */
  readonly asked: readonly string[];
  /** Every socket that was connected, in order. */
  readonly sockets: readonly Socket[];
}

/** The fetcher with the real policy and real sockets, in a world where public addresses lead to servers on loopback. */
export function pretendInternet({ names, servers, times, shownAddress }: PretendInternet = {}): PretendFetch {
  const dialled: string[] = [];
  const asked: string[] = [];
  const sockets: Socket[] = [];
  const fetch = makeFetchMedia({
    times: { ...FETCH_TIMES, ...times },
    authorities: [TEST_CERTIFICATE.cert],
    interfaces: () => ({}),
    resolve: async (name) => {
      const turn = asked.filter((one) => one === name).length;
      asked.push(name);
      const answer = names?.[name];
      if (answer === undefined) throw new Error(`getaddrinfo ENOTFOUND ${name}`);
      return answer.flatMap((one, index) => {
        if (typeof one === 'string') return [one];
        return index === Math.min(turn, answer.length - 1) ? one : [];
      });
    },
    dial: async (address, port, options) => {
      const place = `${address}:${String(port)}`;
      dialled.push(place);
      const local = servers?.[place];
      if (local === undefined) throw new Error(`connect ECONNREFUSED ${place}`);
      const { socket } = await dialTcp('127.0.0.1', local, options);
      sockets.push(socket);
      return { socket, remoteAddress: shownAddress ?? address };
    },
  });
  return { fetch, dialled, asked, sockets };
}
