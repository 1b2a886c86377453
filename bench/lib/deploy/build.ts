import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { packageRelease } from '../../../packages/cli/src/release/package-release.ts';
import { collectPayload } from '../../../packages/cli/src/release/payload.ts';
import { CheckoutCopy } from '../../../test/e2e/deploy/checkout-copy.ts';
import { mustRun } from '../../../test/e2e/fleet/run-tool.ts';

/** One version of the software, in the forms in which the tools take it. */
export interface Build {
  /** Of the release that the other tools put on a host. */
  readonly release: string;
  /** mlxfleet's own command line, with this version beside it. */
  readonly cliBundle: string;
  /** Folder with the files of the release. */
  readonly content: string;
  /** The same as an archive whose only entry is a folder named after the release. */
  readonly archive: string;
}

/**
 * A version that differs from the others in one file. The archive for the other tools is made here, before anything is
 * timed; mlxfleet makes its own while it deploys.
 * @param links what a release on a host links to: targets by their names in the release.
 */
export async function makeBuild(
  folder: string,
  remark: string,
  links: Readonly<Record<string, string>>,
): Promise<Build> {
  const copy = await (await CheckoutCopy.create(folder)).changeWorker(remark);
  const { manifest, blob } = await packageRelease(await collectPayload(folder));
  const release = manifest.id;
  const content = path.join(folder, 'content');
  const archived = path.join(folder, 'archived', release);
  const archive = path.join(folder, `${release}.tgz`);
  for (const target of [content, archived]) {
    await mkdir(target, { recursive: true });
    await mustRun('tar', ['-xzf', blob.path, '-C', target]);
  }
  for (const [name, target] of Object.entries(links)) {
    await mkdir(path.dirname(path.join(archived, name)), { recursive: true });
    await symlink(target, path.join(archived, name));
  }
  await mustRun('tar', ['-czf', archive, '-C', path.dirname(archived), release]);
  return { release, cliBundle: copy.cliBundle, content, archive };
}
