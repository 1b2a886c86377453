import type {
  ChatRequest,
  CompletionRequest,
  Constraint,
  GenerateFrame,
  Media,
  Prompt,
  Sampling,
  ToolChoice,
} from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Attachment } from '../media/attachment.ts';
import type { Priority } from '../scheduler/request-queue.ts';

/** What one request asks of a model. */
export interface GenerationPlan {
  readonly model: string;
  readonly prompts: readonly Prompt[];
  /** What the prompt of a chat shows its model, in the order in which the messages' parts name them. */
  readonly attachments: readonly Attachment[];
  /** Choices for each prompt. */
  readonly choicesPerPrompt: number;
  /** Completion tokens of each choice; null means up to the context. */
  readonly maxTokens: number | null;
  readonly sampling: Sampling;
  readonly stop: readonly string[];
  readonly priority: Priority;
  /** Alternatives to report beside each token's log-probability; null reports none at all. */
  readonly logprobs: number | null;
  /** What the text of each choice has to match. */
  readonly constraint: Constraint | null;
  /** Which of the tools in the prompts are called. */
  readonly toolChoice: ToolChoice;
  /** Whether one choice may hold several calls. */
  readonly parallelToolCalls: boolean;
}

/** What a route makes of its own fields; what is left out is off. */
type PlanParts = Pick<GenerationPlan, 'prompts' | 'maxTokens' | 'priority'> &
  Partial<
    Pick<GenerationPlan, 'attachments' | 'logprobs' | 'constraint' | 'toolChoice' | 'parallelToolCalls'>
  >;

type Options = Pick<
  ChatRequest & CompletionRequest,
  | 'model'
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'min_p'
  | 'repetition_penalty'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'logit_bias'
  | 'seed'
  | 'stop'
  | 'n'
>;

/** @throws ApiError INVALID_VALUE for an empty text in `stop`. */
export function generationPlan(options: Options, parts: PlanParts): GenerationPlan {
  const { constraint = null, toolChoice = 'none' } = parts;
  return {
    attachments: [],
    logprobs: null,
    parallelToolCalls: true,
    ...parts,
    toolChoice,
    // An answer that has to be a call has no text for a format to be about.
    constraint: toolChoice === 'none' || toolChoice === 'auto' ? constraint : null,
    model: options.model,
    choicesPerPrompt: options.n ?? 1,
    sampling: sampling(options),
    stop: stopTexts(options.stop),
  };
}

/** The plan with its attachments as files. */
export function shown(plan: GenerationPlan, media: readonly Media[]): GenerationPlan {
  return { ...plan, prompts: plan.prompts.map((prompt) => shownPrompt(prompt, media)) };
}

/** A chat with its attachments as files; other prompts have none. */
export function shownPrompt(prompt: Prompt, media: readonly Media[]): Prompt {
  return prompt.kind === 'chat' ? { ...prompt, media: [...media] } : prompt;
}

/** The value of X-Priority; normal when absent. */
export function parsePriority(header: string | string[] | undefined): Priority {
  if (header === undefined) return 'normal';
  if (header === 'high' || header === 'normal' || header === 'low') return header;
  throw new ApiError(API_ERRORS.INVALID_VALUE, 'X-Priority must be high, normal or low.', {
    param: 'X-Priority',
  });
}

/**
 * Frames of all choices, those of the first prompt first; a choice's id is the completion's with its index. `cacheScope`
 * is that of its client (plugins/key-owner.ts).
 */
export function frames(
  plan: GenerationPlan,
  completionId: string,
  cacheScope: string | null,
): GenerateFrame[] {
  return plan.prompts.flatMap((prompt, promptIndex) =>
    Array.from({ length: plan.choicesPerPrompt }, (_, choice): GenerateFrame => {
      const { seed } = plan.sampling;
      return {
        type: 'generate',
        id: `${completionId}-${String(promptIndex * plan.choicesPerPrompt + choice)}`,
        prompt,
        max_tokens: plan.maxTokens,
        // With one seed for all, the choices of a prompt would be the same text n times.
        sampling: { ...plan.sampling, seed: seed === null ? null : seedPlus(seed, choice) },
        stop: [...plan.stop],
        logprobs: plan.logprobs,
        constraint: plan.constraint,
        tool_choice: plan.toolChoice,
        parallel_tool_calls: plan.parallelToolCalls,
        cache_scope: cacheScope,
      };
    }),
  );
}

function sampling(options: Options): Sampling {
  return {
    temperature: options.temperature ?? 1,
    top_p: options.top_p ?? 1,
    // vLLM's -1 and our 0 both keep every token.
    top_k: Math.max(0, options.top_k ?? 0),
    min_p: options.min_p ?? 0,
    repetition_penalty: options.repetition_penalty ?? 1,
    presence_penalty: options.presence_penalty ?? 0,
    frequency_penalty: options.frequency_penalty ?? 0,
    logit_bias: options.logit_bias ?? {},
    seed: options.seed == null ? null : seedPlus(options.seed, 0),
  };
}

/** Seeds begin again at 0 where numbers are no longer exact. */
const END_OF_SEEDS = Number.MAX_SAFE_INTEGER + 1;

function seedPlus(seed: number, more: number): number {
  const reduced = seed % END_OF_SEEDS;
  // The sum itself might not be exact.
  const beyond = more - (END_OF_SEEDS - reduced);
  return beyond >= 0 ? beyond : reduced + more;
}

function stopTexts(stop: Options['stop']): string[] {
  const texts = typeof stop === 'string' ? [stop] : (stop ?? []);
  if (texts.includes('')) {
    throw new ApiError(API_ERRORS.INVALID_VALUE, "'stop' must not hold an empty text.", { param: 'stop' });
  }
  return texts;
}
