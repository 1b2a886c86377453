import { cp } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'rolldown';
import { checkout } from '../../scripts/lib/paths.ts';

/**
 * Makes one file of the benchmark, which runs without node_modules: `.gpu/bench/serving.mjs`, two folders below the checkout
 * as its sources are, with the raw loop beside it.
 */
const folder = path.join(checkout, '.gpu', 'bench');
await build({
  input: path.join(import.meta.dirname, 'serving.ts'),
  platform: 'node',
  transform: { target: 'node22' },
  output: { file: path.join(folder, 'serving.mjs'), format: 'esm', codeSplitting: false },
});
await cp(path.join(import.meta.dirname, '..', 'lib', 'raw_loop.py'), path.join(folder, 'raw_loop.py'));
