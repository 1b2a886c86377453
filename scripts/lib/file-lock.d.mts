/**
 * Runs `body` while holding the lock file at `path`, so that two commands started at once do not write the same folder.
 * A lock left by a process that is gone is taken over. `onWait` is called once, with the holder's process id, when somebody else holds it.
 */
export function withFileLock<T>(
  path: string,
  body: () => T | Promise<T>,
  onWait?: (holderPid: number) => void,
): Promise<T>;
