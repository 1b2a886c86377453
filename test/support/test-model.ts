import path from 'node:path';
import {
  ensureMiniLM,
  ensurePlainText,
  ensurePlainVision,
  ensureSmolLM2,
  ensureTinyText,
  ensureTinyVision,
} from '../../scripts/lib/models.ts';

const MAKERS = {
  'tiny-text': ensureTinyText,
  'plain-text': ensurePlainText,
  'SmolLM2-135M-Instruct': ensureSmolLM2,
  'all-MiniLM-L6-v2': ensureMiniLM,
  'plain-vision': ensurePlainVision,
  'tiny-vision': async () => path.join(await ensureTinyVision(), 'qwen2-vl'),
} as const;

export type TestModel = keyof typeof MAKERS;

/** Folder of a test model, made at its first use. */
export function testModel(name: TestModel): Promise<string> {
  return MAKERS[name]();
}

const OF_VISION_ENVIRONMENT: ReadonlySet<TestModel> = new Set([
  'all-MiniLM-L6-v2',
  'plain-vision',
  'tiny-vision',
]);

/** Whether its worker runs in the vision environment: it sees, or it turns text into vectors. */
export function needsVisionEnvironment(name: TestModel): boolean {
  return OF_VISION_ENVIRONMENT.has(name);
}
