import type { AgentConfig } from '@mlxfleet/protocol';
import type { ModelSettings } from '../models/model-settings.ts';

/**
 * Whether it is a trouble of the host when a model cannot be loaded: the configuration names it, itself or for another one,
 * and it is on the disk or wanted whether it is there or not. Of others any client can have a load fail.
 */
export function isWanted(
  id: string,
  { models }: Pick<AgentConfig, 'models'>,
  isPresent: boolean,
  { preload, pin }: Pick<ModelSettings, 'preload' | 'pin'>,
): boolean {
  const isNamed = models.some((model) => model.id === id || model.base === id || model.draft === id);
  return isNamed && (isPresent || preload || pin);
}
