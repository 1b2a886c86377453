import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { modelTask, type ModelTask } from './model-task.ts';

/** Larger than any real one; a device or a huge file in its place must not cost the agent its memory. */
const LARGEST_JSON_BYTES = 16 * 1024 * 1024;

/** The content of a JSON file; null when it is missing, too large, or no JSON. */
async function readJsonFile(file: string): Promise<unknown> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > LARGEST_JSON_BYTES) return null;
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}

/** The config.json of a model's folder, as it is. */
export async function readModelConfig(folder: string): Promise<unknown> {
  return await readJsonFile(path.join(folder, 'config.json'));
}

/** What the model in a folder is for. */
export async function readModelTask(folder: string): Promise<ModelTask> {
  const [config, modules, pooling] = await Promise.all([
    readModelConfig(folder),
    readJsonFile(path.join(folder, 'modules.json')),
    readJsonFile(path.join(folder, '1_Pooling', 'config.json')),
  ]);
  return modelTask({ config, modules, hasPooling: pooling !== null });
}
