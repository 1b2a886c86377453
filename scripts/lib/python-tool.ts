import path from 'node:path';
import { makeOnce } from './make-once.ts';
import { cacheFolder } from './paths.ts';
import { pip } from './pip.ts';

/** Absolute path of a program that a Python wheel carries, in exactly this version; nothing that it depends on comes along. */
export async function ensurePythonTool(name: string, version: string): Promise<string> {
  const requirement = `${name}==${version}`;
  const folder = await makeOnce({
    folder: path.join(cacheFolder, name),
    stamp: `${requirement} ${process.platform}-${process.arch}\n`,
    title: `Fetching ${name} ${version}`,
    make: async (target) => {
      await pip([
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--target',
        target,
        requirement,
      ]);
    },
  });
  return path.join(folder, 'bin', name);
}
