import { constants } from 'node:fs';
import { access } from 'node:fs/promises';

/** Why no worker can be started; null when one can. */
export async function workerObstacle(python: string): Promise<string | null> {
  const isThere = await access(python, constants.X_OK).then(
    () => true,
    () => false,
  );
  return isThere ? null : 'The Python environment of the worker is missing. Deploy again.';
}
