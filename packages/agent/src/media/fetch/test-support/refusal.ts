import { ApiError } from '../../../api-error.ts';

/** The error that a fetch ends with, which has to be one of the API. */
export async function refusalOf(fetching: Promise<unknown>): Promise<ApiError> {
  try {
    await fetching;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
