import { LONGEST_URL } from '../longest-url.ts';
import { FetchFailure } from './fetch-failure.ts';

/** What a URL asks for, in the terms of sockets and HTTP. */
export interface Target {
  readonly url: URL;
  readonly secure: boolean;
  /** A name without the dot at its end, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Judges all of a URL but its host. Only the standard port of the scheme is allowed: with others, the agent would be a
 * port scanner for whoever may send requests, and would talk to services that never expected HTTP.
 *
 * @throws FetchFailure
 */
export function checkedTarget(url: URL): Target {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new FetchFailure('refused', 'only http and https are allowed');
  }
  if (url.href.length > LONGEST_URL) {
    throw new FetchFailure('refused', `it is longer than ${String(LONGEST_URL)} characters`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new FetchFailure('refused', 'it must not hold a user name or a password');
  }
  // URL leaves the standard port of the scheme out.
  if (url.port !== '') {
    throw new FetchFailure('refused', 'only port 80 with http and port 443 with https are allowed');
  }
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  return { url, secure, host, port: secure ? 443 : 80 };
}

/**
 * Where a redirect leads, checked like a URL of the client.
 *
 * @param location the Location header, absolute or not.
 * @throws FetchFailure
 */
export function redirectTarget(location: string, from: Target): Target {
  const url = URL.parse(location, from.url);
  if (url === null) throw new FetchFailure('failed', 'it leads to what is no URL');
  const target = checkedTarget(url);
  if (from.secure && !target.secure) {
    throw new FetchFailure('refused', 'it leads from https to http');
  }
  return target;
}
