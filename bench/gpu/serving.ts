/**
 * The serving benchmark on a machine with an NVIDIA GPU, with a model that is large enough for real decoding speeds.
 * See README.md beside it.
 *
 * Arguments: folder of the model, Python that has mlx-lm and MLX for CUDA, numbers of clients.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { startAgent } from '../../test/support/agent-process.ts';
import { serverOf } from '../lib/our-server.ts';
import { type Peer, startPeer } from '../lib/peer-server.ts';
import { startRawLoop } from '../lib/raw-loop.ts';
import { publish } from '../lib/report.ts';
import { measureServing, servingTables } from '../lib/serving.ts';

const ROUNDS = 2;

const [folder = '', python = '', ...clients] = process.argv.slice(2);
const id = path.basename(folder);

const MLX_LM: Peer = {
  name: 'mlx_lm.server',
  command: (model, port) => [
    python,
    '-m',
    'mlx_lm',
    'server',
    '--model',
    model,
    '--port',
    String(port),
    '--log-level',
    'ERROR',
  ],
};

const { stdout: gpu } = await promisify(execFile)('nvidia-smi', [
  '--query-gpu=name',
  '--format=csv,noheader',
]);
const agent = await startAgent({ models: [], modelFolders: { [id]: folder }, python });
const ours = serverOf(agent, id);
try {
  const theirs = await startPeer(MLX_LM, folder);
  const raw = await startRawLoop(folder, python);
  try {
    const scenarios = await measureServing([ours, theirs], raw, clients.map(Number), ROUNDS);
    await publish(
      `gpu-serving-${id}`,
      { model: id, rounds: ROUNDS, scenarios },
      servingTables(scenarios, ROUNDS),
      gpu.trim(),
    );
  } finally {
    await raw.stop();
    await theirs.stop();
  }
} finally {
  await ours.stop();
}
