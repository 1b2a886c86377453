import path from 'node:path';
import { field } from '../../field.ts';
import { readJsonFile } from './read-json-file.ts';

/**
 * Which file holds which tensor, by the index of a model whose weights are several files: names of tensors to names of files.
 * Null without an index, or with one that is none.
 */
export async function readWeightIndex(folder: string): Promise<Readonly<Record<string, unknown>> | null> {
  const map = field(await readJsonFile(path.join(folder, 'model.safetensors.index.json')), 'weight_map');
  return isObject(map) ? map : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
