import type { Prompt } from '@mlxfleet/protocol';
import type { Attachment } from '../media/attachment.ts';

/** The prompt of a chat, and what it shows its model: that becomes the prompt's media when the model is known. */
export interface ChatPrompt {
  readonly prompt: Extract<Prompt, { kind: 'chat' }>;
  readonly attachments: readonly Attachment[];
}
