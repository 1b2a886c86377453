import { execFile } from 'node:child_process';
import os from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Name of the processor, for example Apple M4 Max. */
export async function machineType(): Promise<string> {
  if (process.platform === 'darwin') {
    const { stdout } = await run('/usr/sbin/sysctl', ['-n', 'machdep.cpu.brand_string']);
    return stdout.trim();
  }
  return os.cpus()[0]?.model.trim() || os.arch();
}
