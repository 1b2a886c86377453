import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { ModelCatalog } from './catalog.ts';
import { isModelId } from './model-id.ts';

/** An error names so many of the models that exist. */
const MOST_NAMED = 20;

/** Says what is missing, and what there is. */
export async function modelNotFound(id: string, catalog: ModelCatalog): Promise<ApiError> {
  const problem = await catalog.aliasProblem(id);
  if (problem !== null) {
    return new ApiError(API_ERRORS.MODEL_NOT_FOUND, `The model '${id}' is an alias, and ${problem}.`, {
      param: 'model',
    });
  }
  const ids = (await catalog.list()).map((location) => location.id);
  const named = ids.slice(0, MOST_NAMED).join(', ');
  const more = ids.length > MOST_NAMED ? ` and ${String(ids.length - MOST_NAMED)} more` : '';
  const have = ids.length === 0 ? 'has no models yet' : `has: ${named}${more}`;
  // An id that is none may be anything, a whole file's worth of control characters too.
  const text = isModelId(id)
    ? `The model '${id}' is not on this host, which ${have}.`
    : `'model' is not the id of a model. This host ${have}.`;
  return new ApiError(API_ERRORS.MODEL_NOT_FOUND, text, { param: 'model' });
}

/** Of a model that was fetched and cannot be used. */
export function weightlessModel(id: string): ApiError {
  return new ApiError(
    API_ERRORS.MODEL_NOT_FOUND,
    `The model '${id}' was downloaded, and holds no complete weights in the format safetensors.`,
    { param: 'model' },
  );
}
