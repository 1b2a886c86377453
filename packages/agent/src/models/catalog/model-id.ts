import { modelIdSchema } from '@mlxfleet/protocol';

/**
 * Which texts are model ids at all. Everything else is refused before any path is built from it, so that no request
 * reaches a file outside the models folders.
 */
export function isModelId(id: string): boolean {
  return modelIdSchema.safeParse(id).success;
}

/** Whether a hub can have it: `organisation/name` in the hub's alphabet. */
export function isHubId(id: string): boolean {
  return isModelId(id) && id.includes('/') && /^[A-Za-z0-9_./-]+$/.test(id) && !id.includes('--');
}

/** Folder of a hub id in a Hugging Face cache. */
export function cacheFolder(id: string): string {
  return `models--${id.replaceAll('/', '--')}`;
}

/** Hub id of a folder in a Hugging Face cache; null when it is no model's. */
export function idOfCacheFolder(folder: string): string | null {
  const [kind, ...names] = folder.split('--');
  const id = names.join('/');
  return kind === 'models' && names.length > 0 && names.length <= 2 && isModelId(id) ? id : null;
}

/** The id as a part of a file name. */
export function fileNameOf(id: string): string {
  return id.replaceAll('/', '--').replaceAll(' ', '_');
}
