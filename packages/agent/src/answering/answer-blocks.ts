import type { ChoiceLogprob, StepOutput, ToolCallDelta } from '@mlxfleet/protocol';

/** A stretch of an answer, in the order in which the model wrote them. */
export type AnswerBlock =
  | { readonly kind: 'reasoning'; text: string }
  | { readonly kind: 'text'; text: string; readonly logprobs: ChoiceLogprob[] }
  | { readonly kind: 'call'; readonly id: string; readonly name: string; text: string };

/** Told how the blocks of an answer grow: one after the other, `place` counts them from 0. */
export interface BlockListener {
  opened(place: number, block: AnswerBlock): void;
  /** `text` has been added to the block: of a call to its arguments. It is empty where only log-probabilities came. */
  grown(place: number, block: AnswerBlock, text: string, logprobs: readonly ChoiceLogprob[]): void;
  /** `isWhole` is false for a block that the end of the answer cut off. */
  closed(place: number, block: AnswerBlock, isWhole: boolean): void;
}

const NONE: readonly ChoiceLogprob[] = [];
const ONLY_BLANKS = /^\s*$/;

/**
 * Makes one sequence of blocks out of reasoning, text and tool calls, as `/v1/responses` and `/v1/messages` tell an
 * answer. Line breaks that a model writes between its reasoning, or a call, and a call are no text of their own.
 */
export class AnswerBlocks {
  readonly blocks: AnswerBlock[] = [];
  readonly #listener: BlockListener | null;
  #open: AnswerBlock | null = null;
  #callIndex = -1;
  /** Blanks that may become the beginning of a text. */
  #blanks = '';
  #blankLogprobs: ChoiceLogprob[] = [];

  constructor(listener: BlockListener | null = null) {
    this.#listener = listener;
  }

  take({ reasoning, text, logprobs, tool_calls: calls }: StepOutput): void {
    if (reasoning !== undefined && reasoning !== '') {
      const block =
        this.#open?.kind === 'reasoning' ? this.#open : this.#begin({ kind: 'reasoning', text: '' });
      this.#grow(block, reasoning, NONE);
    }
    if (text !== '' || (logprobs !== undefined && logprobs.length > 0))
      this.#takeText(text, logprobs ?? NONE);
    for (const call of calls ?? []) this.#takeCall(call);
  }

  /** The answer has ended; a cut one leaves its last block incomplete. */
  end(isWhole: boolean): void {
    if (this.#blanks !== '' || this.#blankLogprobs.length > 0) this.#openText();
    this.#close(isWhole);
  }

  #takeText(text: string, logprobs: readonly ChoiceLogprob[]): void {
    if (this.#open?.kind === 'text') {
      this.#grow(this.#open, text, logprobs);
      return;
    }
    this.#blanks += text;
    this.#blankLogprobs.push(...logprobs);
    if (!ONLY_BLANKS.test(text)) this.#openText();
  }

  #openText(): void {
    const text = this.#blanks;
    const logprobs = this.#blankLogprobs;
    this.#forgetBlanks();
    this.#grow(this.#begin({ kind: 'text', text: '', logprobs: [] }), text, logprobs);
  }

  #takeCall(delta: ToolCallDelta): void {
    if (this.#open?.kind !== 'call' || this.#callIndex !== delta.index) {
      this.#callIndex = delta.index;
      this.#begin({ kind: 'call', id: delta.id ?? '', name: delta.name ?? '', text: '' });
    }
    if (this.#open !== null && delta.arguments !== '') this.#grow(this.#open, delta.arguments, NONE);
  }

  #begin(block: AnswerBlock): AnswerBlock {
    this.#close(true);
    this.#forgetBlanks();
    this.#open = block;
    this.blocks.push(block);
    this.#listener?.opened(this.blocks.length - 1, block);
    return block;
  }

  #grow(block: AnswerBlock, text: string, logprobs: readonly ChoiceLogprob[]): void {
    block.text += text;
    if (block.kind === 'text') block.logprobs.push(...logprobs);
    this.#listener?.grown(this.blocks.length - 1, block, text, logprobs);
  }

  #close(isWhole: boolean): void {
    if (this.#open === null) return;
    this.#listener?.closed(this.blocks.length - 1, this.#open, isWhole);
    this.#open = null;
  }

  #forgetBlanks(): void {
    this.#blanks = '';
    this.#blankLogprobs = [];
  }
}
