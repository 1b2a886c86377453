import type { DeployDocument } from '@mlxfleet/protocol';

/** The steps that a person sees, in order; `undo` only appears after a failure. */
export type DeployStep = 'facts' | 'stage' | 'switch' | 'healthy' | 'undo';

export type StepState = 'begin' | 'progress' | 'done' | 'failed';

/** The row of one host in the document that `deploy` and `rollback` print. */
export type HostOutcome = DeployDocument['hosts'][number];

/** Told what happens on each host while it happens. Calls of different hosts interleave. */
export interface DeployObserver {
  /** `detail` is one line for people, for example `3.1 MB sent; text env reused`; empty when there is nothing to say. */
  hostStep(host: string, step: DeployStep, state: StepState, detail: string): void;
  /** A remark that is not a step, for example that a dead deploy's lock was taken over. */
  hostNotice(host: string, text: string): void;
  /** The host is done with. */
  hostOutcome(host: string, outcome: HostOutcome): void;
}
