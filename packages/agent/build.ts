import path from 'node:path';
import { build } from 'rolldown';

/** Builds dist/agent.mjs and dist/control.mjs: one file each, which run from anywhere with nothing but Node. */
const folder = import.meta.dirname;

for (const [name, input] of [
  ['agent', 'src/main.ts'],
  ['control', 'src/control/main.ts'],
] as const) {
  await build({
    input: path.join(folder, input),
    platform: 'node',
    transform: { target: 'node22' },
    output: {
      file: path.join(folder, 'dist', `${name}.mjs`),
      format: 'esm',
      codeSplitting: false,
      minify: 'dce-only',
      comments: { legal: true },
    },
  });
}
