import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { ModelTask } from '../models/catalog/model-task.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';

const GENERATES = "generates text and gives no vectors: '/v1/embeddings' takes embedding models";

const WHAT_IT_DOES: Readonly<Record<ModelTask, string>> = {
  generate: GENERATES,
  vision: GENERATES,
  embed: "turns text into vectors, at '/v1/embeddings', and generates none",
};

/**
 * Vision models generate text too.
 * @throws ApiError MODEL_NOT_SUPPORTED when the model is for something else.
 */
export function requireTask({ id, location }: ModelRuntime, task: 'generate' | 'embed'): void {
  if ((location.task === 'embed' ? 'embed' : 'generate') === task) return;
  throw new ApiError(API_ERRORS.MODEL_NOT_SUPPORTED, `The model '${id}' ${WHAT_IT_DOES[location.task]}.`, {
    param: 'model',
  });
}
