import { ensureWorkerEnvironment } from './worker-environment.ts';

/** The environment of models that generate text. Answers with its interpreter. */
export async function ensureTextEnvironment(): Promise<string> {
  return ensureWorkerEnvironment('text', 'Building the Python environment of the worker (about 280 MB)');
}
