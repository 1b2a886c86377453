import { CodedError } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';
import type { ScriptPart } from '../remote-commands/script.ts';

/**
 * Parts that every script needs which changes a host: the last one runs the agent as a service. Each kind of service is a
 * part of its own with the same functions (service_start, service_stop, service_status), so that nothing else differs.
 * @throws CodedError SERVICE_KIND_UNSUPPORTED for a kind that this version cannot set up.
 */
export function hostScriptParts({ name, service = 'detached' }: ResolvedHost): ScriptPart[] {
  if (service !== 'detached') {
    throw new CodedError(
      ERRORS.SERVICE_KIND_UNSUPPORTED,
      `${name}: this version cannot run the agent as a ${service} service`,
      { hint: `Remove hosts.${name}.service from the inventory, or set it to detached.` },
    );
  }
  return ['lib', 'lock', 'releases', 'service-detached'];
}
