import { z } from 'zod';

/** No separators, no control characters, nothing that hides; a dot or a space does not end it. */
const NAME = '[A-Za-z0-9_](?:[A-Za-z0-9_.+@ -]*[A-Za-z0-9_+@-])?';

const MODEL_ID = new RegExp(String.raw`^(?=.{1,200}$)(?!.*\.\.)${NAME}(?:/${NAME})?$`);

/**
 * A model's id as an agent can serve it: one name, which is a folder, or `organisation/name`. Nothing that climbs out of
 * the folders of models; 200 characters at most.
 */
export const modelIdSchema = z
  .string()
  .regex(MODEL_ID, 'expected the name of a folder under shared/models, or organisation/name');
