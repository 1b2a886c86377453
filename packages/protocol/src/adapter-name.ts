import { z } from 'zod';

/** A folder's name, and nothing that could leave the folder of adapters: no separator, no `..`, no leading dot. */
export const adapterNameSchema = z
  .string()
  .regex(
    /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/,
    'expected the name of a folder under shared/adapters: letters, digits, dot, dash or underscore',
  );
