import { CodedError, PYTHON_VERSIONS } from '@mlxfleet/protocol';
import type { Target } from '../deploy-types/target.ts';
import { ERRORS } from '../errors.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import { serviceParts } from '../service/service-parts.ts';
import type { Finding } from './finding.ts';
import { connectionFinding, hostFindings } from './host-findings.ts';
import { parseObservations } from './observations.ts';

/** Looks at a host in one session, changing nothing. A host that is not reached is a finding, never an error. */
export async function examineHost({ host, settings }: Target, signal: AbortSignal): Promise<Finding[]> {
  const { api, admin } = settings.agentConfig;
  const remote = script(['lib', 'lock', 'releases', ...serviceParts(settings.service), 'facts', 'doctor'], {
    ROOT: settings.root,
    FACTS: '',
    CONTENT_HASH: '',
    PYTHON_PROBE: 'always',
    PYTHON_PREFERRED: settings.python.version,
    PYTHON_VERSIONS: PYTHON_VERSIONS.toReversed().join(' '),
    PORTS: `${api.port} ${admin.port}`,
    FIND_LINKS: settings.python.findLinks ?? '',
  });
  const messages: unknown[] = [];
  const startedMs = Date.now();
  try {
    const answer = await runJsonScript(host, remote, (message) => messages.push(message), { signal });
    if (answer.exitCode !== 0) {
      const reason = answer.stderr.trim().slice(-400);
      throw new CodedError(ERRORS.SCRIPT_BROKEN, `${host.name}: the look at the host failed: ${reason}`);
    }
  } catch (error) {
    if (error instanceof CodedError) return [connectionFinding(settings.name, error)];
    throw error;
  }
  return hostFindings(settings, parseObservations(messages), { startedMs, endedMs: Date.now() });
}
