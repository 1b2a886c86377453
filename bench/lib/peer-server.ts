import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureTextEnvironment } from '../../scripts/lib/text-environment.ts';
import { ensureVisionEnvironment } from '../../scripts/lib/vision-environment.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { onInterrupt } from './on-interrupt.ts';
import { ensurePeerEnvironment } from './peer-environment.ts';

/** A server with one model that a benchmark talks to. */
export interface BenchServer {
  readonly name: string;
  readonly port: number;
  /** What requests name as their model. */
  readonly model: string;
  /** Processes that it consists of, for readings of their memory. */
  readonly pids: () => Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** Another server for the same models: how it is installed, and how it is started with a folder on a port. */
export interface Peer {
  readonly name: string;
  readonly command: (folder: string, port: number) => Promise<readonly string[]> | readonly string[];
}

/** mlx_lm's own server, in the environment of our worker. */
const MLX_LM: Peer = {
  name: 'mlx_lm.server',
  command: async (folder, port) => [
    await ensureTextEnvironment(),
    '-m',
    'mlx_lm',
    'server',
    '--model',
    folder,
    '--port',
    String(port),
    '--log-level',
    'ERROR',
  ],
};

/** mlx_vlm's own server, which serves text models too. */
const MLX_VLM: Peer = {
  name: 'mlx_vlm.server',
  command: async (folder, port) => [
    await ensureVisionEnvironment(),
    '-m',
    'mlx_vlm',
    'server',
    '--model',
    folder,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
  ],
};

const RAPID_MLX: Peer = {
  name: 'rapid-mlx',
  command: async (folder, port) => [
    path.join(await ensurePeerEnvironment('rapid-mlx', '0.16.10'), 'rapid-mlx'),
    'serve',
    folder,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--no-preflight',
    '--yes',
    '--log-level',
    'ERROR',
  ],
};

const VLLM_MLX: Peer = {
  name: 'vllm-mlx',
  command: async (folder, port) => [
    path.join(await ensurePeerEnvironment('vllm-mlx', '0.6.0'), 'vllm-mlx'),
    'serve',
    folder,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--continuous-batching',
  ],
};

/** In the order of the tables. */
export const PEERS: readonly Peer[] = [MLX_LM, MLX_VLM, RAPID_MLX, VLLM_MLX];

/** The first start of some of them compiles and imports for a minute. */
const START_MS = 240_000;

/**
 * Starts a peer with the model in `folder` and waits until it answers. It gets a home of its own, is told to keep off
 * hubs and to report its use to nobody.
 * @throws Error with the end of its output when it does not come up.
 */
export async function startPeer(peer: Peer, folder: string): Promise<BenchServer> {
  const [port = 0] = await freePorts(1);
  const home = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-peer-'));
  const [file = '', ...argv] = await peer.command(folder, port);
  const child = spawn(file, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      ...process.env,
      HOME: home,
      HF_HUB_OFFLINE: '1',
      DO_NOT_TRACK: '1',
      RAPID_MLX_TELEMETRY: '0',
    },
  });
  const { pid } = child;
  // Its whole group: some of them fork.
  const kill = (): void => {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  };
  const forget = onInterrupt(kill);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      kill();
      await exited;
    }
    forget();
    await rm(home, { recursive: true, force: true });
  };
  if (!(await answers(port, child))) {
    await stop();
    throw new Error(`${peer.name} did not start:\n${output}`);
  }
  return { name: peer.name, port, model: folder, pids: async () => [child.pid ?? 0], stop };
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    const models = await fetch(`http://127.0.0.1:${String(port)}/v1/models`).catch(() => null);
    if (models?.ok === true) return true;
    await sleep(250);
  }
  return false;
}
