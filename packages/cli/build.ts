import { chmod, rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'rolldown';

const folder = import.meta.dirname;
const dist = path.join(folder, 'dist');

/** Bundles the command line to dist/mlxfleet.mjs and, beside it, the parts that single commands import when they run. */
async function buildCommandLine(): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  await build({
    input: { mlxfleet: path.join(folder, 'src', 'main.ts') },
    platform: 'node',
    // Native helpers of ssh2 that it does without; requiring them fails inside its own try.
    external: [/\.node$/, 'cpu-features'],
    logLevel: 'warn',
    output: {
      dir: dist,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name]-[hash].mjs',
      minify: false,
      sourcemap: false,
    },
  });
  await chmod(path.join(dist, 'mlxfleet.mjs'), 0o755);
}

await buildCommandLine();
