import { z } from 'zod';

/** No id is longer, so that what names no model is refused before it gets anywhere. */
const LONGEST_ID = 200;

/** The field `model` of a request, of any API. Whether there is such a model is for the agent to say. */
export function modelField(description = 'One of `GET /v1/models`, or an id that a hub has.'): z.ZodString {
  return z.string().min(1).max(LONGEST_ID).meta({ description });
}
