import { field } from '../../field.ts';
import type { ModelTask } from './model-task.ts';

/**
 * Families of vision models, by their `model_type`, that mlx-lm loads as text models: it leaves out what reads images, and
 * gives the same text without images as mlx-vlm. Tested with each of them (test/e2e/serving/vision-as-text.test.ts). mlx-lm has
 * modules for a few more; of those some checkpoints do not load, or it depends on the text model inside.
 */
export const TEXT_OF_VISION: ReadonlySet<unknown> = new Set([
  'gemma3',
  'gemma4',
  'mistral3',
  'pixtral',
  'qwen2_5_vl',
  'qwen2_vl',
  'qwen3_5',
  'qwen3_5_moe',
  'qwen3_vl',
]);

/**
 * What a model is for on a host with or without the vision environment. Without it, families whose text is certain to work are
 * text models there: a host that serves their text need not have an environment of twice the size for images that nobody
 * sends. So are, on every host, models of these families whose images the worker cannot show.
 */
export function taskOnHost(task: ModelTask, config: unknown, hasVisionEnvironment: boolean): ModelTask {
  if (task !== 'vision' || (hasVisionEnvironment && !readsImagesBothWays(config))) return task;
  return TEXT_OF_VISION.has(field(config, 'model_type')) ? 'generate' : 'vision';
}

/**
 * Whether each token of an image attends to all of them, which the worker refuses to load: it reads prompts in chunks. The
 * larger models of Gemma 4 do.
 */
function readsImagesBothWays(config: unknown): boolean {
  return Boolean(field(field(config, 'text_config'), 'use_bidirectional_attention'));
}
