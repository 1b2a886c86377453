import { type AdminStatus, CodedError, type Model } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';

/** The model to ask: the one named, else a loaded one, else the first that the inventory has for the host. */
export function chooseModel(
  named: string | undefined,
  status: AdminStatus | null,
  settings: ResolvedHost,
): string {
  if (named !== undefined) return named;
  if (status?.model.loaded === true && status.model.name !== null) return status.model.name;
  const ready = status?.models.find((model) => model.state === 'ready');
  const model =
    ready?.id ?? settings.smokeTestModel ?? settings.agentConfig.models[0]?.id ?? status?.models[0]?.id;
  if (model !== undefined) return model;
  throw new CodedError(ERRORS.NOTHING_TO_CHAT_WITH, `${settings.name} has no model loaded or listed`);
}

/**
 * The model to show something, where nobody names one: the usual one if it is shown images or nothing is known of it, else
 * a loaded one that is, one of the inventory, any. The usual one where none is: the agent says what to do about it.
 * @param models what the host has.
 */
export function chooseSeeingModel(
  usual: string,
  models: readonly Model[],
  status: AdminStatus | null,
  settings: ResolvedHost,
): string {
  const seeing = new Set(
    models.filter(({ architecture }) => architecture.input_modalities.includes('image')).map(({ id }) => id),
  );
  if (!models.some(({ id }) => id === usual)) return usual;
  const ready = (status?.models ?? []).filter(({ state }) => state === 'ready');
  const preferred = [usual, ...[...ready, ...settings.agentConfig.models].map(({ id }) => id), ...seeing];
  return preferred.find((id) => seeing.has(id)) ?? usual;
}
