/** What a host's sshd was asked for since the host was made. */
export interface SshdCounts {
  /** TCP connections, also those that never logged in. */
  readonly connections: number;
  /** Connections that logged in. */
  readonly logins: number;
  /** Sessions opened in them: commands, shells and subsystems. */
  readonly sessions: number;
}

/** Counts in the log that sshd writes at level VERBOSE. */
export function countSshd(log: string): SshdCounts {
  return {
    connections: count(log, /^.*Connection from /gm),
    logins: count(log, /^.*Accepted publickey for /gm),
    sessions: count(log, /^.*Starting session: /gm),
  };
}

/** What came on top between two countings. */
export function subtractSshd(after: SshdCounts, before: SshdCounts): SshdCounts {
  return {
    connections: after.connections - before.connections,
    logins: after.logins - before.logins,
    sessions: after.sessions - before.sessions,
  };
}

function count(log: string, line: RegExp): number {
  return log.match(line)?.length ?? 0;
}
