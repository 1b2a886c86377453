import type { DeployOutcome, EnvironmentKind } from '@mlxfleet/protocol';
import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import type { DeploySettings } from '../deploy-types/deploy-settings.ts';
import type { Target } from '../deploy-types/target.ts';
import type { RuntimeSource } from '../release/fetch-runtime.ts';
import type { PackagedRelease } from '../release/package-release.ts';
import type { Payload } from '../release/payload.ts';
import type { Change } from './change.ts';
import type { DesiredHost } from './desired-host.ts';
import type { HostFacts } from '../facts/facts.ts';
import type { PlanSection } from './diff/plan-section.ts';
import type { DryRunGate } from './dry-run-gate.ts';
import type { BlobName } from './wanted-blobs.ts';

/** What the phases of one deploy share on every host. */
export interface DeployShared {
  readonly settings: DeploySettings;
  readonly payload: Payload;
  /** Packs the payload once; `fresh` gives it a new id. */
  readonly packageRelease: (fresh: boolean) => Promise<PackagedRelease>;
  readonly runtimes: RuntimeSource;
  readonly observer: DeployObserver;
  readonly gate: DryRunGate;
  readonly signal: AbortSignal;
}

/** What the plan phase decided. */
export interface HostPlan {
  readonly desired: DesiredHost;
  readonly releaseId: string;
  /** Null when the host holds the release already. */
  readonly release: PackagedRelease | null;
  readonly environments: ReadonlyMap<EnvironmentKind, string>;
  readonly changes: readonly Change[];
}

/** The deploy of one host while it goes through the phases. */
export interface HostDeploy {
  readonly target: Target;
  readonly shared: DeployShared;
  facts?: HostFacts;
  plan?: HostPlan;
  /** What the plan comes to; set in a dry run. */
  sections?: readonly PlanSection[];
  /** SHA-256 of files sent, by what they are. */
  blobs?: ReadonlyMap<BlobName, string>;
  /** What was sent, for people. */
  sentBytes: number;
  /** Whether an upload goes on where an earlier one stopped: not any more once one has arrived damaged. */
  readonly resumesUploads: boolean;
  /** Whether the hooks before a deploy have run: a second look at the host does not run them again. */
  preDeployRan: boolean;
  /** Of the change on the host; unset before it begins. */
  changeId?: string;
  /** Set by the phase that finds nothing left to do; later phases are skipped. */
  outcome?: DeployOutcome;
  /** The release that serves after a failure, where the host told it. */
  serving?: string | null;
}

/** One step of a deploy on one host. It throws a CodedError to fail the host. */
export interface Phase {
  readonly name: string;
  readonly run: (deploy: HostDeploy) => Promise<void>;
}

/** What an earlier phase has set; the phase list guarantees the order. */
export function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`the phases are out of order: ${name} is not known yet`);
  return value;
}
