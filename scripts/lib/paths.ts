import path from 'node:path';

/** Root of the checkout. */
export const checkout = path.dirname(path.dirname(import.meta.dirname));

/** What is fetched or made once and may be deleted at any time. */
export const cacheFolder = path.join(checkout, '.cache');

/** Python sources of the worker; its lock files stand in `locks/`. */
export const workerSource = path.join(checkout, 'packages', 'agent', 'python');

export const agentBundle = path.join(checkout, 'packages', 'agent', 'dist', 'agent.mjs');

export const cliBundle = path.join(checkout, 'packages', 'cli', 'dist', 'mlxfleet.mjs');
