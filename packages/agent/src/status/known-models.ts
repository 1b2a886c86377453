import type { AdminModel, ModelStatus } from '@mlxfleet/protocol';
import type { AgentServices } from '../agent-services.ts';
import type { ModelLocation } from '../models/catalog/catalog.ts';
import { diskBytes } from '../models/catalog/disk-bytes.ts';
import { listModels, unloaded } from './list-models.ts';

/** `GET /admin/models`: what is on disk or loaded, what the configuration names, and what is being fetched. */
export async function readModels(services: AgentServices): Promise<AdminModel[]> {
  const { config, pool } = services;
  const [listed, onDisk] = await Promise.all([listModels(services), pool.list()]);
  const present = new Set(onDisk.map(({ id }) => id));
  const known = new Set(listed.map(({ status }) => status.id));
  const named = new Set([...config.models.map(({ id }) => id), ...pool.downloads.keys()]);
  const models = await Promise.all([
    ...listed.map(async ({ location, status }) =>
      location !== null && present.has(location.id)
        ? await describe(services, location, status)
        : await describeAbsent(services, status),
    ),
    ...[...named]
      .filter((id) => !known.has(id))
      .map(async (id) => await describeAbsent(services, unloaded(id, pool.settings(id)))),
  ]);
  return models.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function describe(
  services: AgentServices,
  location: ModelLocation,
  status: ModelStatus,
): Promise<AdminModel> {
  const [bytes, estimate] = await Promise.all([
    diskBytes(location.adapterPath ?? location.path),
    services.pool.estimate(location),
  ]);
  return {
    ...withoutFiles(services, status),
    present: true,
    task: location.task,
    disk_bytes: bytes,
    estimated_bytes: estimate.totalBytes,
  };
}

async function describeAbsent(services: AgentServices, status: ModelStatus): Promise<AdminModel> {
  const missing = await services.pool.absence(status.id);
  const model = { ...withoutFiles(services, status), missing };
  if (model.error !== null || model.download !== null) return model;
  const error = missing ?? (await services.pool.aliasProblem(status.id)) ?? 'it is not on this host';
  return { ...model, error };
}

/** What is known of a model whose files are not looked at. */
function withoutFiles({ config, pool }: AgentServices, status: ModelStatus): AdminModel {
  const { id } = status;
  const settings = pool.settings(id);
  const configured = config.models.find((model) => model.id === id);
  const download = pool.downloads.get(id);
  return {
    ...status,
    present: false,
    missing: null,
    task: null,
    configured: configured !== undefined,
    base: configured?.base ?? null,
    adapter: configured?.adapter ?? null,
    aliases: config.models.filter(({ base }) => base === id).map((model) => model.id),
    draft: settings.draft,
    preload: settings.preload,
    disk_bytes: null,
    estimated_bytes: null,
    download: download === undefined ? null : { bytes: download.bytes, total_bytes: download.totalBytes },
  };
}

/** Models that the configuration names and that will not be on this host by themselves, by id. */
export async function missingModels({
  config,
  pool,
}: Pick<AgentServices, 'config' | 'pool'>): Promise<{ model: string; reason: string }[]> {
  const all = await Promise.all(
    config.models.map(async ({ id: model }) => ({ model, reason: await pool.absence(model) })),
  );
  return all.flatMap(({ model, reason }) => (reason === null ? [] : [{ model, reason }]));
}
