import { z } from 'zod';

/**
 * The body of every error of `/v1/messages`: what clients of Anthropic's API read (`type`, `error.type`, `request_id`) and
 * what clients of OpenAI's do (`error.param`, `error.code`).
 */
export const anthropicErrorSchema = z.object({
  type: z.literal('error'),
  error: z.object({
    type: z.enum([
      'invalid_request_error',
      'authentication_error',
      'permission_error',
      'not_found_error',
      'request_too_large',
      'rate_limit_error',
      'timeout_error',
      'overloaded_error',
      'api_error',
    ]),
    message: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
  request_id: z.string(),
});
export type AnthropicError = z.infer<typeof anthropicErrorSchema>;
