import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@mlxfleet/protocol';
import { PROCESS_ERRORS } from '../errors.ts';

/** The folders under the agent's root, absolute. */
export interface Folders {
  readonly run: string;
  readonly logs: string;
  readonly shared: string;
  readonly models: string;
  /** Images and documents of requests, while they run. */
  readonly spool: string;
}

/** @throws CodedError ROOT_UNUSABLE. */
export async function makeFolders(root: string): Promise<Folders> {
  const shared = path.join(root, 'shared');
  const folders = {
    run: path.join(root, 'run'),
    logs: path.join(root, 'logs'),
    shared,
    models: path.join(shared, 'models'),
    spool: path.join(shared, 'spool'),
  };
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 });
    // Also where it was there before: the admin socket is the owner's from the moment that it is made.
    await chmod(folders.run, 0o700);
  } catch (error) {
    throw new CodedError(PROCESS_ERRORS.ROOT_UNUSABLE, `cannot make the folders under ${root}`, {
      cause: error,
    });
  }
  return folders;
}
