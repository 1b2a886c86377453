import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this machine keeps what it prepares for hosts: `$XDG_CACHE_HOME/mlxfleet`, by default `~/.cache/mlxfleet`. */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base !== undefined && base.startsWith('/') ? base : join(homedir(), '.cache'), 'mlxfleet');
}
