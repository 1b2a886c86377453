import { CodedError, type DeployDocument, type DeployOutcome, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import { ERRORS, isUnreachable } from '../errors.ts';
import type { Change } from '../phases/change.ts';
import { deployPhases } from '../phases/deploy-phases.ts';
import type { PlanSection } from '../phases/diff/plan-section.ts';
import type { DeployShared, HostDeploy } from '../phases/deploy-state.ts';
import { DryRunGate } from '../phases/dry-run-gate.ts';
import { IndexRuntimeSource, type RuntimeSource } from '../release/fetch-runtime.ts';
import { type PackagedRelease, packageRelease } from '../release/package-release.ts';
import { collectPayload, type Payload } from '../release/payload.ts';
import type { DeployObserver, HostOutcome } from '../deploy-types/deploy-observer.ts';
import type { DeploySettings } from '../deploy-types/deploy-settings.ts';
import { type ErrorRow, errorRow } from './error-row.ts';
import { runHooksAfter } from './after-host.ts';
import { type ChangedHost, revertChanged } from './revert-changed.ts';
import { rollOut } from './roll-out.ts';
import type { Target } from '../deploy-types/target.ts';

export interface DeployResult {
  readonly document: DeployDocument;
  /** What was planned for each host that was reached, in the order of the hosts. */
  readonly plans: readonly PlannedHost[];
}

interface PlannedHost {
  readonly host: string;
  readonly changes: readonly Change[];
  /** What they come to, kind by kind; empty but in a dry run. */
  readonly sections: readonly PlanSection[];
}

/** Where the parts of a release come from; tests give their own. */
export interface DeploySources {
  readonly payload: () => Promise<Payload>;
  readonly runtimes: RuntimeSource;
}

/**
 * Installs or upgrades hosts to this version. Never rejects because of a host: its row tells. Rejects when this version
 * has no payload.
 */
export async function deploy(
  targets: readonly Target[],
  settings: DeploySettings,
  observer: DeployObserver,
  signal: AbortSignal,
  sources: DeploySources = { payload: async () => collectPayload(), runtimes: new IndexRuntimeSource() },
): Promise<DeployResult> {
  const payload = await sources.payload();
  const packages = new Map<boolean, Promise<PackagedRelease>>();
  const shared: DeployShared = {
    settings,
    payload,
    packageRelease: async (fresh) => {
      const known = packages.get(fresh) ?? packageRelease(payload, fresh);
      packages.set(fresh, known);
      return known;
    },
    runtimes: sources.runtimes,
    observer,
    gate: new DryRunGate({ dryRun: settings.dryRun }),
    signal,
  };
  const rows = new Map<string, HostOutcome>();
  const plans = new Map<string, PlannedHost>();
  const report = (row: HostOutcome): void => {
    rows.set(row.name, row);
    observer.hostOutcome(row.name, row);
  };
  const isCanary = ({ settings: { name } }: Target): boolean => settings.canary.includes(name);
  const changed: ChangedHost[] = [];
  const failed: string[] = [];
  await rollOut(targets, {
    isCanary,
    maxParallel: settings.maxParallel,
    run: async (target) => {
      const { name } = target.settings;
      const { row, state } = await deployHost(target, shared);
      if (state.plan !== undefined) {
        const { changes } = state.plan;
        plans.set(name, { host: name, changes, sections: state.sections ?? [] });
      }
      const fails = failsRollOut(row.outcome, isCanary(target));
      const holdsBack = fails && row.outcome === 'unreachable' && targets.length > 1;
      report(holdsBack ? { ...row, error: explainCanary(row.error, targets, settings) } : row);
      if (fails) failed.push(name);
      else if (row.outcome === 'changed') changed.push({ deploy: state, row });
      if (settings.onFailure === 'continue' && !isCanary(target)) return signal.aborted ? 'stop' : 'go-on';
      // A host whose post-deploy hook failed is deployed, and no other is begun.
      return fails || (row.outcome === 'changed' && row.error !== null) ? 'stop' : 'go-on';
    },
    skip: ({ settings: { name } }) => {
      report({ name, outcome: 'skipped', release: null, previous: null, durationMs: 0, error: null });
    },
  });
  const reverts = settings.onFailure === 'revert' && !settings.dryRun && !settings.onlyStage;
  if (reverts && failed.length > 0 && !signal.aborted) await revertChanged(changed, failed, report);
  const inOrder = <Value>(map: ReadonlyMap<string, Value>): Value[] =>
    targets.flatMap(({ settings: { name } }) => {
      const value = map.get(name);
      return value === undefined ? [] : [value];
    });
  return {
    document: { schemaVersion: JSON_SCHEMA_VERSION, hosts: inOrder(rows) },
    plans: inOrder(plans),
  };
}

/** One host that is asleep must not keep the others from being deployed; but only a canary that serves vouches for them. */
function failsRollOut(outcome: DeployOutcome, isCanary: boolean): boolean {
  if (outcome === 'changed' || outcome === 'unchanged') return false;
  return isCanary || outcome !== 'unreachable';
}

function explainCanary(
  error: ErrorRow | null,
  targets: readonly Target[],
  { canary }: DeploySettings,
): ErrorRow | null {
  if (error === null) return null;
  const others = targets.map(({ settings: { name } }) => name).filter((name) => !canary.includes(name));
  const way =
    others.length === 0 ? '' : ` To deploy without it, name the others: mlxfleet deploy ${others.join(' ')}`;
  return {
    ...error,
    message: `${error.message}\nThe canary could not be reached, so nothing tried the release and no further host was begun.${way}`,
  };
}

async function deployHost(
  target: Target,
  shared: DeployShared,
): Promise<{ row: HostOutcome; state: HostDeploy }> {
  const began = performance.now();
  const { state, error } = await runPhases(target, shared, LOOKS);
  const outcome = state.outcome ?? 'failed';
  const before = state.facts?.current?.id ?? null;
  const reached = outcome === 'changed' || outcome === 'unchanged';
  const row: HostOutcome = {
    name: target.settings.name,
    outcome,
    release: reached ? (state.plan?.releaseId ?? null) : state.serving === undefined ? before : state.serving,
    previous: outcome === 'changed' ? before : null,
    durationMs: Math.round(performance.now() - began),
    error,
  };
  return { row: await runHooksAfter(state, row), state };
}

/** How often a deploy looks at a host that changes under its eyes: another deploy may have held the lock meanwhile. */
const LOOKS = 3;

/** Errors after which a new look at the host may find everything well. */
const LOOK_AGAIN = new Set<string>([ERRORS.HOST_CHANGED.code, ERRORS.UPLOAD_CORRUPT.code]);

async function runPhases(
  target: Target,
  shared: DeployShared,
  looks: number,
  preDeployRan = false,
): Promise<{ state: HostDeploy; error: ErrorRow | null }> {
  const { name } = target.settings;
  const resumesUploads = looks === LOOKS;
  const state: HostDeploy = { target, shared, sentBytes: 0, resumesUploads, preDeployRan };
  try {
    for (const phase of deployPhases) {
      if (shared.signal.aborted) throw interrupted(target);
      await phase.run(state);
      if (state.outcome !== undefined) break;
    }
    return { state, error: null };
  } catch (cause) {
    const known = shared.signal.aborted && !(cause instanceof CodedError) ? interrupted(target) : cause;
    if (known instanceof CodedError && LOOK_AGAIN.has(known.code) && looks > 1 && !shared.signal.aborted) {
      shared.observer.hostNotice(name, 'the host changed meanwhile; looking again');
      return runPhases(target, shared, looks - 1, state.preDeployRan);
    }
    state.outcome ??= outcomeOf(known);
    return { state, error: errorRow(known, name) };
  }
}

function outcomeOf(error: unknown): DeployOutcome {
  return isUnreachable(error) ? 'unreachable' : 'failed';
}

function interrupted(target: Target): CodedError {
  return new CodedError(
    ERRORS.INTERRUPTED,
    `${target.settings.name}: interrupted before anything was changed`,
  );
}
