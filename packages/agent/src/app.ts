import type { FastifyInstance } from 'fastify';
import type { AgentServices } from './agent-services.ts';
import { baseApp } from './base-app.ts';
import { mediaBodyBytes, TEXT_BODY_BYTES } from './media/body-bytes.ts';
import { installAdmission } from './plugins/admission.ts';
import { installApiKey } from './plugins/api-key.ts';
import { installBodiesInFlight } from './plugins/bodies-in-flight.ts';
import { installRateLimit } from './plugins/rate-limit.ts';
import { countTokens } from './routes/anthropic/count-tokens.ts';
import { messages } from './routes/anthropic/messages.ts';
import { chatCompletions } from './routes/openai/chat/chat-completions.ts';
import { completions } from './routes/openai/completions/completions.ts';
import { embeddings } from './routes/openai/embeddings/embeddings.ts';
import { models } from './routes/openai/models/models.ts';
import { responses } from './routes/openai/responses/responses.ts';
import { detokenize } from './routes/openai/tokenize/detokenize.ts';
import { tokenize } from './routes/openai/tokenize/tokenize.ts';
import { operations } from './routes/operations/operations.ts';

/** The main API, built and not yet listening. */
export function mainApp(services: AgentServices): FastifyInstance {
  const app = baseApp(services.log);
  installApiKey(app, {
    keyHashes: services.config.api.key_hashes,
    adminToken: services.facts.adminToken,
  });
  installAdmission(app, services);
  installRateLimit(app, {
    limit: services.config.api.rate_limit,
    keyHashes: services.config.api.key_hashes,
    adminToken: services.facts.adminToken,
    now: services.now,
    onRefused: () => {
      services.metrics.rateLimited.inc();
    },
  });
  installBodiesInFlight(app);
  // Where no model is shown images, long bodies would only keep others out.
  const mediaBytes = services.facts.hasVisionEnvironment
    ? mediaBodyBytes(services.config.images)
    : TEXT_BODY_BYTES;
  chatCompletions(app, services, mediaBytes);
  completions(app, services, TEXT_BODY_BYTES);
  responses(app, services, mediaBytes);
  messages(app, services, mediaBytes);
  countTokens(app, services, mediaBytes);
  embeddings(app, services, TEXT_BODY_BYTES);
  tokenize(app, services, mediaBytes);
  detokenize(app, services, TEXT_BODY_BYTES);
  models(app, services);
  operations(app, services);
  return app;
}
