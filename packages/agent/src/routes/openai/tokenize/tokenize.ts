import {
  type Prompt,
  type Tokenization,
  type TokenizeRequest,
  tokenizeRequestSchema,
  UNSUPPORTED_TOKENIZE_OPTIONS,
} from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { askModel } from '../../../answering/ask-model.ts';
import { shownPrompt } from '../../../answering/generation-plan.ts';
import { refuseOptions } from '../../../answering/refuse-options.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import type { Attachment } from '../../../media/attachment.ts';
import { cacheScope } from '../../../plugins/key-owner.ts';
import { parseBody } from '../../parse-body.ts';
import { chatPrompt } from '../chat/chat-prompt.ts';

/** `POST /v1/tokenize`. */
export function tokenize(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post('/v1/tokenize', { bodyLimit, config: { modelWork: true } }, async (request, reply) => {
    const body = parseBody(tokenizeRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_TOKENIZE_OPTIONS);
    const { prompt, attachments } = tokenizePrompt(body);
    // A chat's prompt is whole as the template renders it.
    const special = body.messages != null || (body.add_special_tokens ?? true);
    return await askModel(services, reply, {
      model: body.model,
      attachments,
      ask: async (runtime, signal, media): Promise<Tokenization> => {
        const question = {
          type: 'tokenize',
          prompt: shownPrompt(prompt, media),
          add_special_tokens: special,
          cache_scope: cacheScope(request, services.config.api.key_hashes),
        } as const;
        const { tokens } = await runtime.ask(question, signal);
        return { tokens, count: tokens.length };
      },
    });
  });
}

/** A prompt with what it shows its model. */
interface ShownPrompt {
  readonly prompt: Prompt;
  readonly attachments: readonly Attachment[];
}

function tokenizePrompt(body: TokenizeRequest): ShownPrompt {
  const { input, messages, add_special_tokens: special } = body;
  if (input != null && messages != null) {
    throw new ApiError(API_ERRORS.INVALID_VALUE, "'input' and 'messages' exclude each other.", {
      param: 'messages',
    });
  }
  if (messages != null && special === true) {
    throw new ApiError(
      API_ERRORS.UNSUPPORTED_PARAMETER,
      "'add_special_tokens' is about 'input': the model's template says what stands around 'messages'.",
      { param: 'add_special_tokens' },
    );
  }
  if (messages != null) return chatPrompt({ ...body, messages });
  if (input != null) return { prompt: { kind: 'text', text: input }, attachments: [] };
  throw new ApiError(API_ERRORS.MISSING_REQUIRED_PARAMETER, "'input' or 'messages' is required.", {
    param: 'input',
  });
}
