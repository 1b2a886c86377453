import { copyFile, mkdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { FleetHost } from '../../../test/e2e/fleet/fleet-host.ts';

/** What another tool than mlxfleet keeps on its host. */
export interface HostFiles {
  readonly host: string;
  /** Folder of everything on the host. */
  readonly root: string;
  /** Copies on this machine of what the host shall have as `shared/config.yaml` and `shared/environment.json`. */
  readonly configuration: string;
  readonly environmentFile: string;
}

const service = path.join(import.meta.dirname, 'service.sh');

/** Has the agent of a host that mlxfleet deployed to, and stopped, run by a service script that any tool can call. */
export async function handOver(host: FleetHost, folder: string): Promise<HostFiles> {
  const configuration = path.join(folder, 'config.yaml');
  const environmentFile = path.join(folder, 'environment.json');
  await mkdir(folder, { recursive: true });
  await copyFile(path.join(host.root, 'shared', 'config.yaml'), configuration);
  await copyFile(path.join(host.root, 'shared', 'environment.json'), environmentFile);
  await mkdir(path.join(host.root, 'incoming'));
  await copyFile(service, path.join(host.root, 'service.sh'));
  const started = await host.exec('.mlxfleet/service.sh restart');
  if (started.exitCode !== 0)
    throw new Error(`the service of ${host.name} does not start: ${started.stderr}`);
  return { host: host.name, root: host.root, configuration, environmentFile };
}

/** Targets of the links in a host's current release that are not part of what was sent. */
export async function releaseLinks(host: FleetHost): Promise<Readonly<Record<string, string>>> {
  const links: Record<string, string> = {};
  for (const name of ['runtime/node', 'envs/text']) {
    links[name] = await readlink(path.join(host.root, 'current', name));
  }
  return links;
}
