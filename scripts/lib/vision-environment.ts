import { ensureWorkerEnvironment } from './worker-environment.ts';

/** The environment of models that see, and of models that turn text into vectors. Answers with its interpreter. */
export async function ensureVisionEnvironment(): Promise<string> {
  return ensureWorkerEnvironment('vision', 'Building the vision environment of the worker (about 0.8 GB)');
}
