import { ensureMiniLM, ensurePlainText, ensureSmolLM2, ensureTinyText } from '../../scripts/lib/models.ts';

const MAKERS = {
  'tiny-text': ensureTinyText,
  'plain-text': ensurePlainText,
  'SmolLM2-135M-Instruct': ensureSmolLM2,
  'all-MiniLM-L6-v2': ensureMiniLM,
} as const;

export type TestModel = keyof typeof MAKERS;

/** Folder of a test model, made at its first use. */
export function testModel(name: TestModel): Promise<string> {
  return MAKERS[name]();
}

/** Whether it turns text into vectors. */
export function isEmbeddingModel(name: TestModel): boolean {
  return name === 'all-MiniLM-L6-v2';
}
