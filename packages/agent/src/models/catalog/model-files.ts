import path from 'node:path';
import { type ModelTask, modelTask } from './model-task.ts';
import { readJsonFile } from './read-json-file.ts';
import { tensorNames } from './tensor-names.ts';
import { taskOnHost } from './text-of-vision.ts';
import { isVisionTensor, mayHaveVision } from './vision-files.ts';

/** The config.json of a model's folder, as it is. */
export async function readModelConfig(folder: string): Promise<unknown> {
  return await readJsonFile(path.join(folder, 'config.json'));
}

/** What a model is for on this host, and whether it would be shown images if only the host had the vision environment. */
export interface HostTask {
  readonly task: ModelTask;
  readonly isVisionAsText: boolean;
}

/** What the model in a folder is for on a host with or without the vision environment. */
export async function readModelTask(folder: string, hasVisionEnvironment: boolean): Promise<HostTask> {
  const [config, modules, pooling] = await Promise.all([
    readModelConfig(folder),
    readJsonFile(path.join(folder, 'modules.json')),
    readJsonFile(path.join(folder, '1_Pooling', 'config.json')),
  ]);
  const hasVisionTower = mayHaveVision(config) && (await tensorNames(folder)).some(isVisionTensor);
  const task = modelTask({ config, modules, hasPooling: pooling !== null, hasVisionTower });
  const here = taskOnHost(task, config, hasVisionEnvironment);
  return { task: here, isVisionAsText: here === 'generate' && taskOnHost(task, config, true) === 'vision' };
}
