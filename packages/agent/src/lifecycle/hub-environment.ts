import path from 'node:path';

/** Where models of the hub lie, absolute, and whether the hub may be asked for more. */
export interface HubEnvironment {
  readonly home: string;
  readonly cache: string;
  readonly isOffline: boolean;
}

/** By the variables that the hub's own programs obey. Without them models lie in a folder `hub` among the others. */
export function hubEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
  models: string,
): HubEnvironment {
  const home = variables['HF_HOME'] ?? path.join(models, 'hub');
  return {
    home,
    cache: variables['HF_HUB_CACHE'] ?? path.join(home, 'hub'),
    isOffline: /^(1|true|yes|on)$/i.test(variables['HF_HUB_OFFLINE'] ?? ''),
  };
}
