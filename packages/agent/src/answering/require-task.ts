import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { ModelTask } from '../models/catalog/model-task.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';

const WHAT_IT_DOES: Readonly<Record<ModelTask, string>> = {
  generate: "generates text and gives no vectors: '/v1/embeddings' takes embedding models",
  embed: "turns text into vectors, at '/v1/embeddings', and generates none",
};

/** @throws ApiError MODEL_NOT_SUPPORTED when the model is for something else. */
export function requireTask({ id, location }: ModelRuntime, task: ModelTask): void {
  if (location.task === task) return;
  throw new ApiError(API_ERRORS.MODEL_NOT_SUPPORTED, `The model '${id}' ${WHAT_IT_DOES[location.task]}.`, {
    param: 'model',
  });
}
