import { type CodedError, memoryTier, PYTHON_RANGE_TEXT } from '@mlxfleet/protocol';
import { errorRow } from '../actions/error-row.ts';
import { protocolMismatch } from '../agent-client/answer-error.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { errorKind, type ErrorKind, ERRORS } from '../errors.ts';
import { formatBytes, formatSeconds } from '../output/quantities.ts';
import { type HostFacts, platformOf } from '../facts/facts.ts';
import { fail, type Finding, ok, warn } from './finding.ts';
import type { HostObservations } from './observations.ts';

const GIBIBYTE = 1024 ** 3;

/** Text environment, programs and a small model; measured on Linux, rounded up. */
const NEEDED_DISK_BYTES = 3 * GIBIBYTE;
const COMFORTABLE_DISK_BYTES = 20 * GIBIBYTE;
const SMALLEST_RAM_BYTES = 8 * GIBIBYTE;
/** Certificates and package indexes begin to fail from here on. */
const TOLERATED_SKEW_SECONDS = 60;
const OLDEST_MACOS = 14;

/** Times of one visit to a host, by the operator's clock. */
export interface Visit {
  readonly startedMs: number;
  readonly endedMs: number;
}

/** The check that an error of connecting belongs to; all others are ssh's. */
const CHECK_OF_KIND: Readonly<Partial<Record<ErrorKind, string>>> = {
  'host-key': 'host key',
  login: 'login',
};

const REACH_IT =
  'Check that the host is awake, on this network, and allows remote login (macOS: System Settings, General, Sharing).';

/** The finding of a host that was not reached. */
export function connectionFinding(name: string, error: CodedError): Finding {
  const { code, message, hint } = errorRow(error, name);
  const advice =
    code === ERRORS.HOST_UNREACHABLE.code ? REACH_IT : (hint ?? `Run: mlxfleet -v doctor ${name}`);
  return fail(CHECK_OF_KIND[errorKind(code)] ?? 'ssh', message, advice);
}

function systemFindings(name: string, facts: HostFacts): Finding[] {
  const { system } = facts;
  if (system === null) return [];
  const described = [system.osVersion ?? system.os, system.arch, system.cpu].filter((part) => part !== null);
  const detail = described.join(', ');
  try {
    platformOf(name, system);
  } catch {
    return [fail('system', detail, 'Supported: macOS 14 or later on Apple silicon, Linux on x86_64.')];
  }
  const macOs = /^macOS (\d+)/.exec(system.osVersion ?? '')?.[1];
  if (macOs !== undefined && Number(macOs) < OLDEST_MACOS) {
    return [fail('system', detail, `Upgrade to macOS ${OLDEST_MACOS} or later: MLX needs it.`)];
  }
  return [ok('system', detail)];
}

function memoryFindings(facts: HostFacts): Finding[] {
  const bytes = facts.system?.ramBytes ?? null;
  if (bytes === null) return [];
  const { idleTimeoutSeconds, memoryLimitBytes } = memoryTier(bytes);
  const detail = `${formatBytes(bytes)}; models may use ${formatBytes(memoryLimitBytes)} and unload after ${formatSeconds(idleTimeoutSeconds)} idle`;
  return bytes < SMALLEST_RAM_BYTES - GIBIBYTE / 2
    ? [warn('memory', detail, 'Only very small models fit.')]
    : [ok('memory', detail)];
}

function diskFindings(facts: HostFacts): Finding[] {
  const bytes = facts.system?.freeBytes ?? null;
  if (bytes === null) return [];
  const detail = `${formatBytes(bytes)} free`;
  if (bytes < NEEDED_DISK_BYTES && facts.current === null) {
    return [fail('disk', detail, `Free ${formatBytes(NEEDED_DISK_BYTES)} for the first deploy.`)];
  }
  return bytes < COMFORTABLE_DISK_BYTES
    ? [warn('disk', detail, 'Models take gigabytes each: free some space.')]
    : [ok('disk', detail)];
}

function rootFindings(settings: ResolvedHost, { root, facts }: HostObservations): Finding[] {
  if (root === null) return [];
  const where = facts.system?.root ?? settings.root;
  if (root.writable) return [ok('root', where)];
  const advice = `Give ${settings.user ?? 'the ssh user'} the right to write to ${root.nearest}, or set another root.`;
  return [fail('root', `${where} is not writable (${root.nearest})`, advice)];
}

function pythonFindings(settings: ResolvedHost, { facts }: HostObservations): Finding[] {
  const { python } = facts;
  if (python !== null) return [ok('python', `${python.version} at ${python.path}`)];
  return [
    warn(
      'python',
      `no Python ${PYTHON_RANGE_TEXT} found`,
      `A deploy tries to install ${settings.python.version} with uv, which needs the internet on the host.`,
    ),
  ];
}

function clockFindings(clock: HostObservations['clock'], visit: Visit): Finding[] {
  if (clock?.seconds === null || clock?.seconds === undefined) return [];
  // The host looked at its clock some time between the two.
  const early = visit.startedMs / 1000 - 1 - clock.seconds;
  const late = clock.seconds - visit.endedMs / 1000;
  const skew = Math.max(0, early, late);
  if (skew <= TOLERATED_SKEW_SECONDS)
    return [ok('clock', skew < 2 ? 'agrees' : `${formatSeconds(skew)} off`)];
  const direction = early > late ? 'behind' : 'ahead';
  return [
    warn(
      'clock',
      `${formatSeconds(skew)} ${direction} of this machine`,
      'Set the time automatically on the host.',
    ),
  ];
}

function portFindings(settings: ResolvedHost, { facts, ports }: HostObservations): Finding[] {
  const { admin } = facts;
  return ports.map(({ port, listening }) => {
    const check = `port ${port}`;
    // An agent of another version answers too, but does not tell its ports in a way that is understood.
    const isOurs =
      admin === null
        ? listening && facts.agentProtocol !== null
        : admin.ports.main === port || admin.ports.admin === port;
    if (isOurs) return ok(check, 'served by the agent');
    if (!listening) return ok(check, 'free');
    const key = port === settings.agentConfig.admin.port ? 'admin.port' : 'api.port';
    return fail(check, 'used by another program', `Stop that program, or set ${key} of ${settings.name}.`);
  });
}

function serviceFindings(name: string, { facts }: HostObservations): Finding[] {
  const { service, current, admin, lock } = facts;
  const mismatch = protocolMismatch(name, facts.agentProtocol);
  const findings: Finding[] = [];
  if (current === null) {
    findings.push(ok('service', 'not installed yet'));
  } else if (service?.state !== 'running') {
    findings.push(warn('service', 'stopped', `Start it: mlxfleet start ${name}`));
  } else if (mismatch !== null) {
    findings.push(fail('service', errorRow(mismatch, name).message, mismatch.hint));
  } else if (admin === null) {
    findings.push(fail('service', 'runs, but the agent does not answer', `See: mlxfleet logs ${name}`));
  } else {
    findings.push(
      ok('service', `${service.kind}, agent ${admin.version} up ${formatSeconds(admin.uptime_seconds)}`),
    );
  }
  if (lock !== null) {
    const detail = `${lock.command} by ${lock.holder} (${lock.state})`;
    findings.push(
      lock.state === 'held'
        ? warn('lock', detail, 'Wait for it to end.')
        : warn('lock', detail, `The next deploy takes it over; or: mlxfleet unlock ${name}`),
    );
  }
  return findings;
}

/** What the running agent says of models of the inventory: which ones are not there, and which need `vision: true`, it alone knows. */
function modelFindings(name: string, { admin }: HostFacts): Finding[] {
  const missing = (admin?.missing ?? []).map(({ model, reason }) =>
    warn(
      'model',
      `${model}: ${reason}`,
      `Put it there, or take it out of the models of ${name} in the inventory and deploy.`,
    ),
  );
  const told = new Set((admin?.missing ?? []).map(({ model }) => model));
  const failed = (admin?.models ?? []).flatMap(({ id, state, error, wanted }) =>
    state === 'failed' && wanted === true && error !== null && !told.has(id)
      ? [
          warn(
            'model',
            error.includes(id) ? error : `${id}: ${error}`,
            `See all of them: mlxfleet status ${name}; the log of its worker: mlxfleet logs ${name} --worker ${id}`,
          ),
        ]
      : [],
  );
  return [...missing, ...failed];
}

function sleepFindings(sleep: HostObservations['sleep']): Finding[] {
  if (sleep === null || sleep.minutes === null) return [];
  if (sleep.disabled === 1 || sleep.minutes === 0) return [ok('sleep', 'does not sleep by itself')];
  return [
    warn(
      'sleep',
      `sleeps after ${sleep.minutes} min without a person at it`,
      'A sleeping host serves nobody. Desktop: sudo pmset -a sleep 0 autorestart 1. Laptop: sudo pmset -a disablesleep 1.',
    ),
  ];
}

function compilerFindings(compiler: HostObservations['compiler']): Finding[] {
  if (compiler === null) return [];
  if (compiler.path !== null) return [ok('compiler', compiler.path)];
  return [
    fail(
      'compiler',
      'no g++ found',
      'MLX compiles parts of a model when it is first used on Linux. Debian, Ubuntu: sudo apt-get install g++. Fedora: sudo dnf install gcc-c++.',
    ),
  ];
}

function wheelsFindings(wheels: HostObservations['wheels']): Finding[] {
  if (wheels === null) return [];
  return wheels.present
    ? [ok('wheels', wheels.folder)]
    : [
        fail(
          'wheels',
          `${wheels.folder} does not exist`,
          'Put the wheels there, or correct python.find_links.',
        ),
      ];
}

/** Everything that doctor says of a host that it reached. */
export function hostFindings(settings: ResolvedHost, seen: HostObservations, visit: Visit): Finding[] {
  const { name } = settings;
  const way =
    settings.connection === 'local' ? 'this machine' : `reached in ${visit.endedMs - visit.startedMs} ms`;
  return [
    ok('ssh', way),
    ...systemFindings(name, seen.facts),
    ...memoryFindings(seen.facts),
    ...diskFindings(seen.facts),
    ...rootFindings(settings, seen),
    ...pythonFindings(settings, seen),
    ...clockFindings(seen.clock, visit),
    ...portFindings(settings, seen),
    ...serviceFindings(name, seen),
    ...modelFindings(name, seen.facts),
    ...sleepFindings(seen.sleep),
    ...compilerFindings(seen.compiler),
    ...wheelsFindings(seen.wheels),
  ];
}
