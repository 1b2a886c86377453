import { z } from 'zod';

/** The body of every error on both APIs, in OpenAI's shape. */
export const openAiErrorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.enum([
      'invalid_request_error',
      'authentication_error',
      'permission_error',
      'not_found_error',
      'rate_limit_error',
      'server_error',
      'service_unavailable_error',
    ]),
    /** The request field at fault. */
    param: z.string().nullable(),
    /** Stable and machine-readable, for example model_not_found. */
    code: z.string().nullable(),
  }),
});
export type OpenAiError = z.infer<typeof openAiErrorSchema>;
export type OpenAiErrorType = OpenAiError['error']['type'];
