import { applyPhase } from './apply-phase.ts';
import { checkDiskPhase } from './check-disk-phase.ts';
import { comparePhase } from './compare-phase.ts';
import type { Phase } from './deploy-state.ts';
import { endDryRunPhase } from './end-dry-run-phase.ts';
import { gatherFactsPhase } from './gather-facts-phase.ts';
import { planPhase } from './plan-phase.ts';
import { preDeployPhase } from './pre-deploy-phase.ts';
import { sendPhase } from './send-phase.ts';

/** A deploy of one host, from top to bottom. */
export const deployPhases: readonly Phase[] = [
  gatherFactsPhase,
  planPhase,
  comparePhase,
  checkDiskPhase,
  endDryRunPhase,
  preDeployPhase,
  sendPhase,
  applyPhase,
];
