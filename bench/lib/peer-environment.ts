import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../scripts/lib/hash.ts';
import { makeOnce } from '../../scripts/lib/make-once.ts';
import { cacheFolder } from '../../scripts/lib/paths.ts';
import { findPython } from '../../scripts/lib/python.ts';
import { uv } from '../../scripts/lib/uv.ts';

/** torch and its CUDA libraries are 5 GB that no text model of these servers touches. */
const LEFT_OUT = ["torch; sys_platform == 'none'", "torchvision; sys_platform == 'none'"];

/** An environment that holds one other server, as its package on PyPI would have it. Answers with its bin folder. */
export async function ensurePeerEnvironment(name: string, version: string): Promise<string> {
  const python = await findPython();
  const requirements = [`${name}==${version}`, "mlx[cpu]; sys_platform == 'linux'"];
  const stamp = sha256(`${[...requirements, ...LEFT_OUT].join('\n')}\n${python.version}\n`);
  const folder = path.join(cacheFolder, 'envs', `peer-${name}-${stamp.slice(0, 12)}`);
  await makeOnce({
    folder,
    stamp,
    title: `Building an environment for ${name} ${version} (about 0.9 GB)`,
    inPlace: true,
    make: async () => {
      await uv(['venv', '--quiet', '--clear', '--python', python.executable, folder]);
      const overrides = path.join(folder, 'left-out.txt');
      await mkdir(folder, { recursive: true });
      await writeFile(overrides, `${LEFT_OUT.join('\n')}\n`);
      const target = path.join(folder, 'bin', 'python');
      await uv(['pip', 'install', '--quiet', '--python', target, '--override', overrides, ...requirements]);
    },
  });
  return path.join(folder, 'bin');
}
