import type { ChoiceLogprob, StepOutput, ToolCallDelta } from '@mlxfleet/protocol';
import type { AnswerSink, Finish, Summary } from '../../../answering/generation.ts';

interface CollectedCall {
  id: string;
  name: string;
  /** Text of a JSON object. */
  arguments: string;
}

/** One finished choice. */
export interface CollectedChoice {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly Readonly<CollectedCall>[];
  readonly logprobs: readonly ChoiceLogprob[];
  readonly tokens: readonly number[];
  readonly finish: Finish;
}

/** All choices of a request, and its figures. */
export interface CollectedAnswer extends Summary {
  readonly choices: readonly CollectedChoice[];
}

interface Draft {
  text: string;
  reasoning: string;
  readonly calls: Map<number, CollectedCall>;
  readonly logprobs: ChoiceLogprob[];
  readonly tokens: number[];
  finish: Finish | null;
}

/** Collects the choices of a request that does not stream. */
export class WholeAnswer implements AnswerSink {
  readonly #drafts: Draft[];
  readonly #body: (answer: CollectedAnswer) => string;
  readonly #collected = Promise.withResolvers<CollectedAnswer>();

  /** `body` makes the JSON of the response. */
  constructor(choices: number, body: (answer: CollectedAnswer) => string) {
    this.#body = body;
    this.#drafts = Array.from({ length: choices }, () => ({
      text: '',
      reasoning: '',
      calls: new Map<number, CollectedCall>(),
      logprobs: [],
      tokens: [],
      finish: null,
    }));
  }

  /** The body; rejects with what ended the request. */
  get outcome(): Promise<string> {
    return this.#collected.promise.then(this.#body);
  }

  started(): void {
    // Nothing is sent before everything is there.
  }

  output(index: number, output: StepOutput): void {
    const draft = this.#drafts[index];
    if (draft === undefined) return;
    draft.text += output.text;
    for (const token of output.tokens) draft.tokens.push(token);
    if (output.reasoning !== undefined) draft.reasoning += output.reasoning;
    for (const entry of output.logprobs ?? []) draft.logprobs.push(entry);
    for (const part of output.tool_calls ?? []) addPart(draft.calls, part);
  }

  finished(index: number, finish: Finish): void {
    const draft = this.#drafts[index];
    if (draft !== undefined) draft.finish = finish;
  }

  done(summary: Summary): void {
    const choices = this.#drafts.flatMap(({ calls, finish, ...draft }) =>
      finish === null ? [] : [{ ...draft, toolCalls: [...calls.values()], finish }],
    );
    this.#collected.resolve({ choices, ...summary });
  }

  failed(error: Error): void {
    this.#collected.reject(error);
  }
}

function addPart(calls: Map<number, CollectedCall>, part: ToolCallDelta): void {
  const call = calls.get(part.index);
  if (call === undefined) {
    calls.set(part.index, { id: part.id ?? '', name: part.name ?? '', arguments: part.arguments });
  } else {
    call.arguments += part.arguments;
  }
}
