import type { ResolvedHost } from '../../config/resolved-host.ts';
import { deploy, type DeployResult } from '../deploy.ts';
import type { HostOutcome } from '../../deploy-types/deploy-observer.ts';
import type { DeploySettings } from '../../deploy-types/deploy-settings.ts';
import { describeChange } from '../../phases/testing/describe-change.ts';
import { CountedHost } from './counted-host.ts';
import {
  type Behaviour,
  type PayloadChanges,
  RecordingObserver,
  type StandInHost,
  standInPayload,
  standInSettings,
} from './stand-ins.ts';

export interface StandInDeploy {
  readonly version: string;
  readonly behaviour?: Behaviour;
  readonly payload?: PayloadChanges;
  readonly settings?: Partial<DeploySettings>;
  readonly host?: Partial<ResolvedHost>;
  readonly signal?: AbortSignal;
  /** Told while the deploy runs. */
  readonly observer?: RecordingObserver;
}

/** What became of a deploy of a stand-in. */
export interface StandInOutcome {
  readonly row: HostOutcome;
  readonly result: DeployResult;
  readonly lines: readonly string[];
  /** What was planned, one line a change. */
  readonly planned: readonly string[];
  /** Bytes of each file that was sent. */
  readonly uploads: readonly number[];
  /** Scripts and uploads. */
  readonly sessions: number;
}

/** Deploys a stand-in agent to a host of the tests. */
export async function deployStandIn(host: StandInHost, options: StandInDeploy): Promise<StandInOutcome> {
  const payload = await standInPayload(host.folder, options.version, options.behaviour, options.payload);
  const observer = options.observer ?? new RecordingObserver();
  const { target: plain } = options.host === undefined ? host : host.with(options.host);
  const counted = new CountedHost(plain.host);
  const target = { ...plain, host: counted };
  const result = await deploy(
    [target],
    { ...standInSettings, ...options.settings },
    observer,
    options.signal ?? new AbortController().signal,
    { payload: async () => payload, runtimes: host.runtimes },
  );
  const [row] = result.document.hosts;
  if (row === undefined) throw new Error('a deploy without a row');
  const { uploads, sessions } = counted;
  const planned = (result.plans[0]?.changes ?? []).map((change) => describeChange(change));
  return { row, result, lines: observer.lines, planned, uploads, sessions };
}
