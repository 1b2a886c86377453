// An operator that follows logs and runs a command that says nothing, until it is killed. Takes a host as SETTINGS.
import type { ResolvedHost } from '../../config/resolved-host.ts';
import { createHosts } from '../../ssh/create-hosts.ts';
import { execOnHost } from '../exec-on-host.ts';
import { readLogs } from '../read-logs.ts';

const settings: ResolvedHost = JSON.parse(process.env['SETTINGS'] ?? '');
const [host] = createHosts({ selected: [settings], all: [settings] }, { acceptNew: false, env: process.env });
if (host === undefined) throw new Error('no host');
const target = { settings, host };
const { signal } = new AbortController();
const print = (line: string): void => console.log(line);
await Promise.all([
  readLogs(target, { lines: 1, follow: true, sinceSeconds: null, worker: null }, print, signal),
  execOnHost(target, ['echo command; sleep 3199; echo'], (_, line) => print(line), signal),
]);
