import { buildBundles } from './lib/build-bundles.ts';
import { runMain } from './lib/setup-error.ts';

await runMain(async () => {
  await buildBundles();
  return 0;
});
