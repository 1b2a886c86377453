import path from 'node:path';
import { DEFAULTS } from '@mlxfleet/protocol';
import { deploy } from '../actions/deploy.ts';
import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import type { DeploySettings } from '../deploy-types/deploy-settings.ts';
import { hostsNamed } from '../config/effective-host.ts';
import { formatProblem } from '../config/inventory-problem.ts';
import { displayPath } from '../config/load-inventory.ts';
import { resolveHosts, resolveHostsWithSecrets } from '../config/resolve-hosts.ts';
import { selectHosts } from '../config/select-hosts.ts';
import { hooksOf } from '../hooks/hook.ts';
import { printWarning } from '../output/print-error.ts';
import { type CommandContext, inventoryOf } from './command-context.ts';
import { changeSettings } from './change-settings.ts';
import { type RolloutResult, showRollout } from './rollout.ts';
import { withTargets } from './with-targets.ts';

export interface DeployOptions {
  readonly dryRun?: boolean;
  readonly clean?: boolean;
  readonly onlyStage?: boolean;
  /** Goes on with the other hosts after one has failed, whatever the inventory says. */
  readonly continue?: boolean;
  readonly model?: string;
  readonly maxParallel?: number;
  /** Seconds. */
  readonly waitLock?: number;
  readonly acceptNew?: boolean;
}

/** `mlxfleet deploy`. */
export async function runDeploy(
  context: CommandContext,
  names: readonly string[],
  options: DeployOptions,
): Promise<number> {
  const { signal, env, output, cwd } = context;
  output.startEvents();
  const { file, inventory, warnings } = await inventoryOf(context);
  for (const warning of warnings) printWarning(output, formatProblem(displayPath(file, cwd), warning));
  const all = resolveHosts(inventory);
  const named = selectHosts(all, names).map((host) => host.name);
  const selected = await resolveHostsWithSecrets(inventory, named, { env, signal });
  const dryRun = options.dryRun === true;
  const settings: DeploySettings = {
    ...changeSettings(context, options),
    canary: hostsNamed(all, inventory.rollout?.canary ?? []).map((host) => host.name),
    maxParallel: options.maxParallel ?? inventory.rollout?.max_parallel ?? DEFAULTS.maxParallel,
    dryRun,
    clean: options.clean === true,
    onlyStage: options.onlyStage === true,
    hooks: hooksOf(inventory, path.dirname(file)),
    onFailure: options.continue === true ? 'continue' : (inventory.rollout?.on_failure ?? 'stop'),
    ...(options.model === undefined ? {} : { smokeTestModel: options.model }),
  };
  const acceptNew = options.acceptNew === true;
  return withTargets(context, { selected, all }, { acceptNew }, async (targets) => {
    const work = async (observer: DeployObserver): Promise<RolloutResult> => {
      const { document, plans } = await deploy(targets, settings, observer, signal);
      return { document, plan: dryRun ? plans : null };
    };
    return showRollout(context, 'deploy', named, work, dryRun);
  });
}
