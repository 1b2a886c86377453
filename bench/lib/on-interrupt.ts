const endings = new Set<() => void>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const end of endings) end();
    process.kill(process.pid, signal);
  });
}

/** Has `end` called when this process is interrupted; answers with a function that takes that back. */
export function onInterrupt(end: () => void): () => void {
  endings.add(end);
  return () => {
    endings.delete(end);
  };
}
