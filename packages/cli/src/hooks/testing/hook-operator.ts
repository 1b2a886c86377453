// An operator that runs one hook until it is killed. Takes a host as SETTINGS, the command line as HOOK and where it runs as
// WHERE.
import type { ResolvedHost } from '../../config/resolved-host.ts';
import { LocalHost } from '../../hosts/local-host.ts';
import { hooksOf } from '../hook.ts';
import { runHooks } from '../run-hooks.ts';

const settings: ResolvedHost = JSON.parse(process.env['SETTINGS'] ?? '');
const on = process.env['WHERE'] === 'remote' ? 'remote' : 'local';
const hooks = hooksOf({ hooks: { 'pre-deploy': [{ run: process.env['HOOK'] ?? '', on }] } }, '/');
await runHooks('pre-deploy', {
  hooks,
  target: { settings, host: new LocalHost(settings.name) },
  facts: {
    host: settings.name,
    address: null,
    release: null,
    previous: null,
    version: null,
    operator: 'tester@bench',
    os: null,
    arch: null,
    ramBytes: null,
    changeId: null,
  },
  observer: { hostNotice: (_host, text) => console.log(text) },
  signal: new AbortController().signal,
});
