import type { DeployObserver, DeployStep } from '../deploy-types/deploy-observer.ts';
import { formatSeconds, shortModel } from '../output/quantities.ts';
import { type ScriptMessage, textField, textFieldOrNull } from '../remote-commands/message-fields.ts';
import {
  type FailureMessage,
  failureOf,
  gateFailureOf,
  type UndoneMessage,
  undoneOf,
  withGateReason,
} from './host-failure.ts';

/** Steps of the host's scripts, under the steps that people see. */
const SHOWN_AS: ReadonlyMap<string, DeployStep> = new Map([
  ['lock', 'stage'],
  ['runtime', 'stage'],
  ['release', 'stage'],
  ['environment', 'stage'],
  ['check', 'stage'],
  ['flush', 'stage'],
  ['ready', 'stage'],
  ['switch', 'switch'],
  ['service', 'switch'],
  ['gate', 'healthy'],
  ['confirm', 'healthy'],
  ['undo', 'undo'],
]);

const DOING: ReadonlyMap<string, (detail: string) => string> = new Map<string, (detail: string) => string>([
  ['runtime', (detail) => `unpacking ${detail}`],
  ['release', () => 'unpacking the release'],
  ['environment', (detail) => `building the ${detail} env`],
  ['check', () => 'checking the release'],
  ['flush', () => 'writing it to the disk'],
  ['service', () => 'restarting the agent'],
  ['gate', () => 'waiting for the agent'],
  ['confirm', () => 'confirming over a new connection'],
]);

/**
 * Turns what apply.sh and rollback.sh say into the steps that people see, and keeps what decides the outcome. One for
 * each host and command.
 */
export class ChangeProgress {
  failure: FailureMessage | null = null;
  undone: UndoneMessage | null = null;
  /** The release that was current when a rollback began. */
  current: string | null = null;
  /** Set by a rollback. */
  target: { readonly release: string; readonly previous: string | null } | null = null;
  unchanged = false;
  readonly #host: string;
  readonly #observer: DeployObserver;
  readonly #stageDetails: string[];
  #shown: DeployStep | null;
  #began = performance.now();
  /** What models answered at the gate; null before it said that the agent is ready. */
  #completions: string[] | null = null;
  #gateFailure: string | null = null;
  #switchDetail = '';

  /** `stageDetails` begin the line of the stage step, for example what was sent; `shown` is the step that runs. */
  constructor(
    host: string,
    observer: DeployObserver,
    stageDetails: readonly string[] = [],
    shown: DeployStep | null = null,
  ) {
    this.#shown = shown;
    this.#host = host;
    this.#observer = observer;
    this.#stageDetails = [...stageDetails];
  }

  take(message: ScriptMessage): void {
    const failure = failureOf(message);
    if (failure !== null) this.failure ??= withGateReason(failure, this.#gateFailure);
    this.#gateFailure ??= gateFailureOf(message);
    this.undone ??= undoneOf(message);
    const gate = message['gate'];
    if (typeof gate === 'object' && gate !== null) this.#takeGate({ ...gate });
    if (typeof message['step'] === 'string' && typeof message['state'] === 'string') {
      this.#takeStep(message['step'], message['state'], textField(message, 'detail'));
    }
    switch (message['event']) {
      case 'notice':
        this.#observer.hostNotice(this.#host, textField(message, 'text'));
        break;
      case 'current':
        this.current = textFieldOrNull(message, 'release');
        break;
      case 'target':
        this.target = {
          release: textField(message, 'release'),
          previous: textFieldOrNull(message, 'previous'),
        };
        break;
      case 'unchanged':
        this.unchanged = true;
        break;
      case 'failed':
        if (this.failure !== null) this.#finishShown('failed', this.failure.message);
        break;
      default:
    }
  }

  #takeGate(event: ScriptMessage): void {
    if (event['event'] === 'ready') this.#completions = [];
    if (event['event'] === 'completion') this.#completions?.push(describeCompletion(event));
    if (event['event'] === 'left-out') this.#completions?.push(describeOmission(event));
  }

  /** The script has ended: the last step that people see is complete. */
  end(): void {
    this.#finishShown('done');
  }

  #takeStep(step: string, state: string, detail: string): void {
    const shown = SHOWN_AS.get(step);
    if (shown === undefined) return;
    if (state === 'begin') {
      if (this.#shown !== shown) {
        this.#finishShown('done');
        this.#shown = shown;
        this.#observer.hostStep(this.#host, shown, 'begin', '');
      }
      this.#began = performance.now();
      const doing = DOING.get(step)?.(detail);
      if (doing !== undefined) this.#observer.hostStep(this.#host, shown, 'progress', doing);
      if (step === 'switch') this.#switchDetail = detail;
      // What an earlier look through the gate said explains nothing now.
      if (step === 'gate') this.#gateFailure = null;
    }
    if (state === 'done' && step === 'environment') {
      const seconds = (performance.now() - this.#began) / 1000;
      this.#stageDetails.push(`${detail} env built in ${formatSeconds(seconds)}`);
    }
    if (state === 'done' && step === 'undo') this.#finishShown(detail === '' ? 'done' : 'failed', detail);
  }

  #finishShown(state: 'done' | 'failed', detail?: string): void {
    if (this.#shown === null) return;
    this.#observer.hostStep(this.#host, this.#shown, state, detail ?? this.#doneDetail(this.#shown));
    this.#shown = null;
  }

  #doneDetail(step: DeployStep): string {
    if (step === 'stage') return this.#stageDetails.join('; ');
    if (step === 'switch') return this.#switchDetail;
    if (step !== 'healthy' || this.#completions === null) return '';
    return this.#completions.length === 0 ? 'ready; no model to ask' : this.#completions.join('; ');
  }
}

/** For example `Qwen2.5-VL-7B-Instruct-4bit not asked: The model … cannot be loaded: it needs about 9 GB, …`. */
function describeOmission(message: ScriptMessage): string {
  return `${shortModel(textField(message, 'model'))} not asked: ${textField(message, 'message')}`;
}

/**
 * For example `Qwen2.5-0.5B-Instruct-4bit: first token 0.18 s, 211 tok/s`, as far as the gate told. Of a model that was shown
 * an image, what that was to it comes first.
 */
function describeCompletion(message: ScriptMessage): string {
  const parts: string[] = [];
  const image = message['image_tokens'];
  const first = message['first_token_seconds'];
  const speed = message['tokens_per_second'];
  if (typeof image === 'number') parts.push(`an image in ${String(image)} tokens`);
  if (typeof first === 'number') parts.push(`first token ${first.toFixed(2)} s`);
  if (typeof speed === 'number') parts.push(`${String(Math.round(speed))} tok/s`);
  const name = shortModel(textField(message, 'model'));
  return [name, parts.join(', ')].filter((part) => part !== '').join(': ');
}
