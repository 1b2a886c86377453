/** Set-up lines go to stderr, so that stdout keeps what a command was asked for. */
export function say(message: string): void {
  process.stderr.write(`  ${message}\n`);
}

/** "0.4 s", "12 s", "2 min 5 s". */
export function formatSeconds(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
