import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AdminStatus, adminStatusSchema } from '@mlxfleet/protocol';
import OpenAI from 'openai';
import { stringify } from 'yaml';
import { agentBundle, workerSource } from '../../scripts/lib/paths.ts';
import { ensureTextEnvironment } from '../../scripts/lib/text-environment.ts';
import { ensureVisionEnvironment } from '../../scripts/lib/vision-environment.ts';
import { agentNodeFlags } from './agent-node-flags.ts';
import { freePorts } from './free-ports.ts';
import { needsVisionEnvironment, testModel, type TestModel } from './test-model.ts';

export interface AgentOptions {
  /** Test models to place under its models root. */
  readonly models: readonly TestModel[];
  /** Folders of further models, by the id that they are to have. */
  readonly modelFolders?: Readonly<Record<string, string>>;
  /** Interpreter of text workers; default: the tests' own environment. */
  readonly python?: string;
  /** Working directory; default `/`, which nothing may depend on. */
  readonly cwd?: string;
  /** Further fields of shared/config.yaml. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A real agent with real workers in a root folder of its own. */
export interface AgentProcess {
  readonly root: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly url: string;
  readonly adminUrl: string;
  readonly client: OpenAI;
  /** What the agent has logged so far. */
  log(): string;
  status(): Promise<AdminStatus>;
  /** `POST` to the admin API with the token. */
  admin(path: string, body: unknown): Promise<Response>;
  /** SIGTERM, waits for the end, removes the root; answers the exit code. */
  stop(): Promise<number | null>;
}

/** Starts an agent and waits until it can serve. */
export async function startAgent(options: AgentOptions): Promise<AgentProcess> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-agent-'));
  await mkdir(path.join(root, 'shared', 'models'), { recursive: true });
  for (const model of options.models) {
    await cp(await testModel(model), path.join(root, 'shared', 'models', model), { recursive: true });
  }
  for (const [id, folder] of Object.entries(options.modelFolders ?? {})) {
    await symlink(folder, path.join(root, 'shared', 'models', id));
  }
  const [port, adminPort] = await freePorts(2);
  const config = { version: 1, api: { port }, admin: { port: adminPort }, ...options.config };
  await writeFile(path.join(root, 'shared', 'config.yaml'), stringify(config));
  const child = spawn(
    process.execPath,
    [
      ...agentNodeFlags,
      agentBundle,
      'serve',
      '--root',
      root,
      '--worker-python',
      options.python ?? (await ensureTextEnvironment()),
      '--worker-source',
      workerSource,
      ...(await visionArguments(options.models)),
    ],
    { cwd: options.cwd ?? '/', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${String(port)}`;
  const adminUrl = `http://127.0.0.1:${String(adminPort)}`;
  await waitUntilReady(url, child, () => output);
  return {
    root,
    pid: child.pid ?? 0,
    process: child,
    url,
    adminUrl,
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 }),
    log: () => output,
    status: async () => adminStatusSchema.parse(await (await fetch(`${adminUrl}/admin/status`)).json()),
    admin: async (route, body) => {
      const token = await readFile(path.join(root, 'shared', 'admin-token'), 'utf8');
      return await fetch(`${adminUrl}${route}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      await rm(root, { recursive: true, force: true });
      return child.exitCode;
    },
  };
}

/** The environment is large: only agents that need it have it. */
async function visionArguments(models: readonly TestModel[]): Promise<string[]> {
  if (!models.some(needsVisionEnvironment)) return [];
  return ['--worker-vision-python', await ensureVisionEnvironment()];
}

async function waitUntilReady(url: string, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const ready = await fetch(`${url}/ready`).catch(() => null);
    if (ready?.ok === true) return;
    await sleep(50);
  }
  throw new Error(`the agent did not become ready:\n${log()}`);
}

/** Whether a process with this id exists and has not ended (an unreaped one has). */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  return !/\) Z /.test(status);
}
