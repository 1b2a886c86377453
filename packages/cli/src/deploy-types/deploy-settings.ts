import type { Hooks } from '../hooks/hook.ts';

/** Who runs the command, as the host's lock, records and audit log show it. */
export interface Operator {
  /** `user@machine`. */
  readonly name: string;
  /** Process id of this command on the operator's machine. */
  readonly pid: number;
  /** Change whose hook runs this command: the lock that it holds will not come free while this command waits. */
  readonly parentChange: string | null;
}

/** What changes something on a host waits for its lock this long, and signs with this name. */
export interface ChangeSettings {
  readonly operator: Operator;
  /** Seconds to wait for another command's lock; 0 gives up at once. */
  readonly waitLockSeconds: number;
}

/** How a deploy goes about its hosts. */
export interface DeploySettings extends ChangeSettings {
  /** Names of hosts that go first, one by one. */
  readonly canary: readonly string[];
  readonly maxParallel: number;
  /** Plans and changes nothing. */
  readonly dryRun: boolean;
  /** Builds environments anew and makes a new release even when nothing changed. */
  readonly clean: boolean;
  /** Prepares everything on the host without switching to it. */
  readonly onlyStage: boolean;
  /** Replaces the inventory's smoke-test model. */
  readonly smokeTestModel?: string;
  /** Commands around it; none when unset. */
  readonly hooks?: Hooks;
  /**
   * What becomes of the others when a host fails: `stop` begins no further host and leaves those that were changed, which is
   * the default; `revert` takes them back as well; `continue` goes on, unless a canary failed.
   */
  readonly onFailure?: 'stop' | 'revert' | 'continue';
}

/** How a rollback goes about its hosts. */
export interface RollbackSettings extends ChangeSettings {
  /** Release to go to; unset takes the good release before the current one. */
  readonly to?: string;
  readonly maxParallel: number;
}
