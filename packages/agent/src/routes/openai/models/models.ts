import type { Model, ModelList } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import type { ModelLocation } from '../../../models/catalog/catalog.ts';
import { isModelId } from '../../../models/catalog/model-id.ts';
import type { ModelTask } from '../../../models/catalog/model-task.ts';

/** `GET /v1/models` and `/v1/models/{id}`; ids of a hub hold a slash. */
export function models(app: FastifyInstance, { pool, facts }: AgentServices): void {
  const describe = (location: ModelLocation): Model => described(location, facts.hasVisionEnvironment);

  app.get('/v1/models', async (): Promise<ModelList> => {
    const locations = await pool.list();
    return { object: 'list', data: locations.map((location) => describe(location)) };
  });

  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request): Promise<Model> => {
    const id = request.params['*'];
    const location = await pool.find(id);
    if (location !== null) return describe(location);
    const name = isModelId(id) ? `The model '${id}' is not on this host.` : 'This is not the id of a model.';
    throw new ApiError(API_ERRORS.MODEL_NOT_FOUND, name, { param: 'model' });
  });
}

const ARCHITECTURES: Readonly<Record<ModelTask, Model['architecture']>> = {
  generate: { input_modalities: ['text'], output_modalities: ['text'] },
  vision: { input_modalities: ['text', 'image', 'file'], output_modalities: ['text'] },
  embed: { input_modalities: ['text'], output_modalities: ['embeddings'] },
};

/** Without the vision environment a host refuses whatever is sent to other models than those of texts. */
function described({ id, createdAt, task }: ModelLocation, hasVisionEnvironment: boolean): Model {
  const owner = id.includes('/') ? id.slice(0, id.indexOf('/')) : 'mlxfleet';
  const architecture = ARCHITECTURES[task];
  return {
    id,
    object: 'model',
    created: createdAt,
    owned_by: owner,
    architecture:
      task === 'generate' || hasVisionEnvironment ? architecture : { ...architecture, input_modalities: [] },
  };
}
