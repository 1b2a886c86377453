import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { formatBytes } from '../output/quantities.ts';
import { newChangeId } from '../remote-commands/change-variables.ts';
import { runJsonScript, type Say } from '../remote-commands/run-script.ts';
import { applyScript } from './apply-script.ts';
import { ChangeProgress } from './change-progress.ts';
import { confirmSwitch } from './confirm-switch.ts';
import { deployHooks } from './deploy-hooks.ts';
import type { HostDeploy, HostPlan, Phase } from './deploy-state.ts';
import { required } from './deploy-state.ts';
import { failureError, failureHint, failureText } from './host-failure.ts';
import type { ScriptMessage } from '../remote-commands/message-fields.ts';

/** Everything that changes the host, in one session that undoes itself when it is cut off. */
export const applyPhase: Phase = {
  name: 'apply',
  async run(deploy: HostDeploy): Promise<void> {
    const { target, shared } = deploy;
    const { name } = target.settings;
    const details = deploy.sentBytes > 0 ? [`${formatBytes(deploy.sentBytes)} sent`] : [];
    details.push(...reused(required(deploy.plan, 'plan')));
    const progress = new ChangeProgress(name, shared.observer, details, 'stage');
    const current = deploy.facts?.current?.id;
    const untouched =
      current === undefined ? 'Nothing is deployed on the host.' : `The old release ${current} is untouched.`;
    let interrupted: unknown;
    const dialogue = new ApplyDialogue(deploy, newChangeId());
    const answer = await shared.gate.pass(async () => {
      try {
        return await runJsonScript(
          target.host,
          applyScript(deploy, dialogue.changeId),
          (message, say) => {
            progress.take(dialogue.explained(message));
            dialogue.take(message, say);
          },
          { holdStdin: true, signal: shared.signal },
        );
      } catch (error) {
        if (!shared.signal.aborted) throw error;
        interrupted = error;
        return null;
      } finally {
        await dialogue.end();
      }
    });
    if (progress.failure !== null) {
      if (progress.undone !== null) deploy.serving = progress.undone.release;
      // Going back to a release that serves is an outcome of its own; anything else is a failure.
      deploy.outcome =
        progress.undone?.healthy === true && progress.undone.release !== null ? 'rolled-back' : 'failed';
      throw failureError(
        name,
        progress.failure,
        failureText(progress.failure, progress.undone, untouched),
        failureHint(progress.undone),
        dialogue.refusal,
      );
    }
    if (interrupted !== undefined) {
      throw new CodedError(
        ERRORS.INTERRUPTED,
        `${name}: interrupted; the host undoes what is not confirmed`,
        {
          cause: interrupted,
        },
      );
    }
    if (answer?.exitCode !== 0) {
      throw new CodedError(ERRORS.SCRIPT_BROKEN, `${name}: ${answer?.stderr.trim().slice(-400) ?? ''}`);
    }
    progress.end();
    deploy.outcome = 'changed';
  },
};

function reused({ desired, changes }: HostPlan): string[] {
  return desired.environments
    .filter(({ kind }) =>
      changes.every((change) => change.kind !== 'build-environment' || change.environment !== kind),
    )
    .map(({ kind }) => `${kind} env reused`);
}

/** The operator's side of what apply.sh asks while it runs: may the switch begin, may the new release stay. */
class ApplyDialogue {
  /** Why the release was not confirmed; undefined as long as nothing spoke against it. */
  refusal: unknown;
  readonly changeId: string;
  readonly #deploy: HostDeploy;
  readonly #over = new AbortController();
  #confirming: Promise<void> = Promise.resolve();

  constructor(deploy: HostDeploy, changeId: string) {
    this.#deploy = deploy;
    this.changeId = changeId;
    deploy.changeId = changeId;
  }

  take(message: ScriptMessage, say: Say): void {
    if (message['state'] !== 'begin') return;
    if (message['step'] === 'ready') say('go');
    if (message['step'] === 'confirm') this.#confirming = this.#confirm(say);
  }

  /** The host knows that it was refused, and not why: of a hook, the reason is here and not in the agent's log. */
  explained(message: ScriptMessage): ScriptMessage {
    const { refusal } = this;
    if (!(refusal instanceof CodedError) || refusal.code !== ERRORS.HOOK_FAILED.code) return message;
    if (message['event'] === 'undone') return { ...message, agentLog: '' };
    if (message['code'] !== ERRORS.SWITCH_NOT_CONFIRMED.code) return message;
    const text = refusal.message.replace(`${this.#deploy.target.settings.name}: `, '');
    return { ...message, code: refusal.code, message: text, output: '' };
  }

  /** The session is over: a hook that still runs is ended. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#confirming;
  }

  async #confirm(say: Say): Promise<void> {
    const { target, shared } = this.#deploy;
    const signal = AbortSignal.any([shared.signal, this.#over.signal]);
    try {
      await deployHooks(this.#deploy, 'post-switch', { signal });
      await confirmSwitch(target, this.changeId, signal);
    } catch (error) {
      this.refusal = error;
      say('refuse');
    }
  }
}
