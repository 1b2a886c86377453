import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureTextEnvironment } from '../../scripts/lib/text-environment.ts';
import { freePorts } from '../../test/support/free-ports.ts';

export interface ReferenceServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** mlx_lm's own server on the same environment and model: what the agent is measured against. */
export async function startReferenceServer(model: string): Promise<ReferenceServer> {
  const [port = 0] = await freePorts(1);
  const child = spawn(
    await ensureTextEnvironment(),
    ['-m', 'mlx_lm', 'server', '--model', model, '--port', String(port), '--log-level', 'ERROR'],
    { stdio: 'ignore', env: { ...process.env, HF_HUB_OFFLINE: '1' } },
  );
  await waitForHealth(port, child);
  return {
    port,
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function waitForHealth(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const health = await fetch(`http://127.0.0.1:${String(port)}/health`).catch(() => null);
    if (health?.ok === true) return;
    await sleep(100);
  }
  throw new Error('mlx_lm.server did not start');
}
