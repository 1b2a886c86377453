import type { ResolvedHost } from '../../config/resolved-host.ts';
import { deploy, type DeployResult } from '../deploy.ts';
import type { HostOutcome } from '../../deploy-types/deploy-observer.ts';
import type { DeploySettings } from '../../deploy-types/deploy-settings.ts';
import {
  type Behaviour,
  RecordingObserver,
  type StandInHost,
  standInPayload,
  standInSettings,
} from './stand-ins.ts';

export interface StandInDeploy {
  readonly version: string;
  readonly behaviour?: Behaviour;
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
}

/** Deploys a stand-in agent to a host of the tests. */
export async function deployStandIn(host: StandInHost, options: StandInDeploy): Promise<StandInOutcome> {
  const payload = await standInPayload(host.folder, options.version, options.behaviour);
  const observer = options.observer ?? new RecordingObserver();
  const { target } = options.host === undefined ? host : host.with(options.host);
  const result = await deploy(
    [target],
    { ...standInSettings, ...options.settings },
    observer,
    options.signal ?? new AbortController().signal,
    { payload: async () => payload, runtimes: host.runtimes },
  );
  const [row] = result.document.hosts;
  if (row === undefined) throw new Error('a deploy without a row');
  return { row, result, lines: observer.lines };
}
