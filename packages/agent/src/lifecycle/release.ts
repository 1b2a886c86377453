import { readFileSync } from 'node:fs';
import path from 'node:path';
import { releaseManifestSchema } from '@mlxfleet/protocol';

/** The release folder that the agent runs from. */
export interface Release {
  readonly id: string;
  /** Absolute, links resolved: `current` may point elsewhere later. */
  readonly folder: string;
}

/**
 * The release that holds this program, which is `<release>/agent/agent.mjs`; null elsewhere.
 * @param programFolder folder of the running file, links resolved.
 */
export function findRelease(programFolder: string): Release | null {
  if (path.basename(programFolder) !== 'agent') return null;
  const folder = path.dirname(programFolder);
  try {
    const manifest: unknown = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
    return { id: releaseManifestSchema.parse(manifest).id, folder };
  } catch {
    return null;
  }
}
