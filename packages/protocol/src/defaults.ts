/** What an inventory need not say: the value of each setting that has one for every host. */
export const DEFAULTS = {
  /** Where everything lives on a host. */
  root: '~/.mlxfleet',
  bind: '127.0.0.1',
  apiPort: 11_440,
  adminPort: 11_441,
  keepReleases: 5,
  python: '3.12',
  /** Hosts that are deployed at the same time. */
  maxParallel: 4,
  /** Of each API key, where a limit is asked for. */
  rateLimit: { perMinute: 60, burst: 10 },
  /** Tokens that speculation guesses at once. */
  draftTokens: 4,
} as const;
