import {
  chatRequestSchema,
  completionRequestSchema,
  IGNORED_OPTIONS,
  UNSUPPORTED_CHAT_OPTIONS,
  UNSUPPORTED_COMPLETION_OPTIONS,
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
];
