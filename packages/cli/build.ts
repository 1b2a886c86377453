import { chmod, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'rolldown';

const folder = import.meta.dirname;
const dist = path.join(folder, 'dist');

/** A command that runs while a build ends may still have to read the parts of the build before. */
const STALE_AFTER_MS = 60 * 60 * 1000;

/**
 * Bundles the command line to dist/mlxfleet.mjs and, beside it, the parts that single commands import when they run: in
 * one file, `mlxfleet --version` would take three times as long.
 */
async function buildCommandLine(): Promise<void> {
  const { output } = await build({
    input: { mlxfleet: path.join(folder, 'src', 'main.ts') },
    platform: 'node',
    transform: { target: 'node22' },
    // Native helpers of ssh2 that it does without; requiring them fails inside its own try.
    external: [/\.node$/, 'cpu-features'],
    logLevel: 'warn',
    output: {
      dir: dist,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name]-[hash].mjs',
      minify: 'dce-only',
      comments: { legal: true },
    },
  });
  await chmod(path.join(dist, 'mlxfleet.mjs'), 0o755);
  await removeStaleParts(new Set(output.map(({ fileName }) => fileName)));
}

async function removeStaleParts(current: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(dist)) {
    const file = path.join(dist, name);
    if (!current.has(name) && Date.now() - (await stat(file)).mtimeMs > STALE_AFTER_MS) await rm(file);
  }
}

await buildCommandLine();
