import {
  chatRequestSchema,
  completionRequestSchema,
  detokenizeRequestSchema,
  embeddingsRequestSchema,
  IGNORED_EMBEDDINGS_OPTIONS,
  IGNORED_MESSAGES_OPTIONS,
  IGNORED_OPTIONS,
  IGNORED_RESPONSES_OPTIONS,
  messagesRequestSchema,
  responsesRequestSchema,
  tokenizeRequestSchema,
  UNSUPPORTED_CHAT_OPTIONS,
  UNSUPPORTED_COMPLETION_OPTIONS,
  UNSUPPORTED_EMBEDDINGS_OPTIONS,
  UNSUPPORTED_MESSAGES_OPTIONS,
  UNSUPPORTED_RESPONSES_OPTIONS,
  UNSUPPORTED_TOKENIZE_OPTIONS,
} from '../../packages/protocol/src/index.ts';
import type { Endpoint } from './openai-docs.ts';

/** The routes whose options are listed in docs/openai-api.md. */
export const ENDPOINTS: readonly Endpoint[] = [
  {
    route: 'POST /v1/chat/completions',
    schema: chatRequestSchema,
    unsupported: UNSUPPORTED_CHAT_OPTIONS,
    ignored: IGNORED_OPTIONS,
  },
  {
    route: 'POST /v1/completions',
    schema: completionRequestSchema,
    unsupported: UNSUPPORTED_COMPLETION_OPTIONS,
    ignored: IGNORED_OPTIONS,
  },
  {
    route: 'POST /v1/responses',
    schema: responsesRequestSchema,
    unsupported: UNSUPPORTED_RESPONSES_OPTIONS,
    ignored: IGNORED_RESPONSES_OPTIONS,
  },
  {
    route: 'POST /v1/messages',
    schema: messagesRequestSchema,
    unsupported: UNSUPPORTED_MESSAGES_OPTIONS,
    ignored: IGNORED_MESSAGES_OPTIONS,
  },
  {
    route: 'POST /v1/embeddings',
    schema: embeddingsRequestSchema,
    unsupported: UNSUPPORTED_EMBEDDINGS_OPTIONS,
    ignored: IGNORED_EMBEDDINGS_OPTIONS,
  },
  {
    route: 'POST /v1/tokenize',
    schema: tokenizeRequestSchema,
    unsupported: UNSUPPORTED_TOKENIZE_OPTIONS,
    ignored: {},
  },
  {
    route: 'POST /v1/detokenize',
    schema: detokenizeRequestSchema,
    unsupported: {},
    ignored: {},
  },
];
