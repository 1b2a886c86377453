import { CodedError } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';
import type { ScriptPart } from '../remote-commands/script.ts';
import { DEFAULT_SERVICE_KIND, isServiceSupported, serviceParts } from './service-parts.ts';

/**
 * Parts that every script needs which changes a host.
 * @throws CodedError SERVICE_KIND_UNSUPPORTED for a kind of service that this version cannot set up.
 */
export function hostScriptParts({ name, service = DEFAULT_SERVICE_KIND }: ResolvedHost): ScriptPart[] {
  if (!isServiceSupported(service)) {
    throw new CodedError(
      ERRORS.SERVICE_KIND_UNSUPPORTED,
      `${name}: this version cannot run the agent as a ${service} service`,
      { hint: `Remove hosts.${name}.service from the inventory, or set it to detached.` },
    );
  }
  return ['lib', 'lock', 'releases', 'gate', 'undo', 'pending', ...serviceParts(service)];
}
