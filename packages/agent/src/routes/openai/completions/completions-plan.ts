import type { CompletionRequest, Prompt } from '@mlxfleet/protocol';
import { answerConstraint } from '../../../answering/answer-constraint.ts';
import { type GenerationPlan, generationPlan } from '../../../answering/generation-plan.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import type { Priority } from '../../../scheduler/request-queue.ts';

/** What OpenAI's API generates when a plain completion says nothing. */
const DEFAULT_MAX_TOKENS = 16;

export interface CompletionPlan {
  readonly plan: GenerationPlan;
  /** Text that each choice begins with, by its index; null without `echo`. */
  readonly echoes: readonly string[] | null;
}

/**
 * What a plain completion asks of its model.
 * @throws ApiError for options that contradict one another.
 */
export function completionPlan(body: CompletionRequest, priority: Priority): CompletionPlan {
  const plan = generationPlan(body, {
    prompts: textPrompts(body.prompt),
    maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
    priority,
    logprobs: typeof body.logprobs === 'number' ? body.logprobs : null,
    constraint: answerConstraint(body.response_format),
  });
  if (body.best_of != null && body.best_of !== plan.choicesPerPrompt) {
    throw refusal('best_of', "'best_of' has to be what 'n' is: as many are generated as are returned.");
  }
  return { plan, echoes: body.echo === true ? echoes(plan) : null };
}

function echoes(plan: GenerationPlan): string[] {
  if (plan.logprobs !== null) {
    throw refusal('echo', "'echo' does not go with 'logprobs': the prompt's tokens have none.");
  }
  return plan.prompts.flatMap((prompt) => {
    if (prompt.kind === 'text') return Array<string>(plan.choicesPerPrompt).fill(prompt.text);
    throw refusal('echo', "'echo' takes prompts as text, not as token ids.");
  });
}

/** One prompt or several, each as text or as token ids. */
function textPrompts(prompt: CompletionRequest['prompt']): Prompt[] {
  if (typeof prompt === 'string') return [{ kind: 'text', text: prompt }];
  const prompts: Prompt[] = [];
  const single: number[] = [];
  for (const part of prompt) {
    if (typeof part === 'string') prompts.push({ kind: 'text', text: part });
    else if (typeof part === 'number') single.push(part);
    else prompts.push({ kind: 'tokens', tokens: part });
  }
  return single.length > 0 ? [{ kind: 'tokens', tokens: single }] : prompts;
}

function refusal(param: string, message: string): ApiError {
  return new ApiError(API_ERRORS.UNSUPPORTED_PARAMETER, message, { param });
}
