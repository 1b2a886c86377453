import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { adminStatusSchema } from '@mlxfleet/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { chat, eventually, makeRoot } from './test-support/test-agent.ts';
import { VERSION } from './version.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const FAKE_WORKER = path.resolve(import.meta.dirname, '../../../test/fakes/fake-worker.mjs');
const WORKER = ['--worker-python', FAKE_WORKER, '--worker-source', '/nowhere'];

let root = '';
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  if (root !== '') rmSync(root, { recursive: true, force: true });
  root = '';
});

interface Program {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly output: () => string;
}

function run(args: readonly string[], cwd = '/'): Program {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(child, 'close').then(() => child.exitCode);
  return { child, exited, output: () => output };
}

async function result(args: readonly string[]): Promise<[number | null, string]> {
  const program = run(args);
  const code = await program.exited;
  return [code, program.output()];
}

/** Starts an agent on free ports and answers its address. */
async function serve(): Promise<Program & { url: string }> {
  const program = run(['serve', '--root', root, '--port', '0', '--admin-port', '0', ...WORKER]);
  await eventually(() => program.output().includes('"msg":"listening"'), 'the agent listens');
  const port = /"main":(\d+)/.exec(program.output())?.[1] ?? '';
  return { ...program, url: `http://127.0.0.1:${port}` };
}

describe('the command line', () => {
  test('help and version', async () => {
    expect(await result(['--version'])).toEqual([0, `${VERSION}\n`]);
    expect(await result(['--help'])).toEqual([0, expect.stringContaining('serve --root DIR')]);
  });

  test.each([
    [[], 'the command is: serve'],
    [['serve'], '--root is missing'],
    [['serve', '--root', '/r', '--port', 'x'], '--port takes a number'],
    [['serve', '--rot', '/r'], "Unknown option '--rot'"],
  ])('%j is wrong usage', async (args, message) => {
    const [code, output] = await result(args);
    expect([code, output]).toEqual([2, expect.stringContaining(`error WRONG_USAGE: `)]);
    expect(output).toContain(message);
  });

  test('errors at the start have a code and a hint, and no stack', async () => {
    root = makeRoot({});
    expect(await result(['serve', '--root', root])).toEqual([
      1,
      expect.stringContaining('error WORKER_UNKNOWN'),
    ]);
    mkdirSync(path.join(root, 'shared'), { recursive: true });
    writeFileSync(path.join(root, 'shared', 'config.yaml'), 'version: 1\nqueu_depth: 1\n');
    const [code, output] = await result(['serve', '--root', root, ...WORKER]);
    expect([code, output]).toEqual([
      1,
      expect.stringContaining('config.yaml:2: queu_depth: unknown key; did you'),
    ]);
    expect(output).not.toContain('    at ');
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = String(typeof address === 'object' && address !== null ? address.port : 0);
    rmSync(path.join(root, 'shared', 'config.yaml'));
    expect(await result(['serve', '--root', root, '--port', port, '--admin-port', '0', ...WORKER])).toEqual([
      1,
      expect.stringContaining('error PORT_IN_USE'),
    ]);
    server.close();
  });
});

describe('the process', () => {
  test('serves from /, finishes what runs on SIGTERM, and exits 0', async () => {
    root = makeRoot({ m: {} });
    const { child, exited, output, url } = await serve();
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chat('secret tokens=100', { stream: true, max_tokens: 100 })),
    });
    child.kill('SIGTERM');
    expect(await response.text()).toContain('[DONE]');
    expect(await exited).toBe(0);
    // Prompts are nobody's business but the client's.
    expect(output()).not.toContain('secret');
  });

  test('turns its log file over while it runs, when its supervisor made that its stdout', async () => {
    root = makeRoot({ m: {} });
    const file = path.join(root, 'logs', 'agent.log');
    mkdirSync(path.dirname(file));
    writeFileSync(file, `${'x'.repeat(11 * 1024 ** 2)}\n`);
    const descriptor = openSync(file, 'a');
    const child = spawn(
      process.execPath,
      [MAIN, 'serve', '--root', root, '--port', '0', '--admin-port', '0', ...WORKER],
      { cwd: '/', stdio: ['ignore', descriptor, descriptor] },
    );
    closeSync(descriptor);
    children.push(child);
    let port = '';
    await eventually(() => {
      port = /"main":(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
      return port !== '' && existsSync(`${file}.1`);
    }, 'the log is turned over');
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(readFileSync(file, 'utf8')).toMatch(/"msg":"stopped"\}\n$/);
    expect(statSync(file).size).toBeLessThan(10_000);
    expect(statSync(`${file}.1`).size).toBeGreaterThan(11 * 1024 ** 2);
  });

  test('a second signal ends it at once, and its worker', async () => {
    root = makeRoot({ m: { ignore_term: true } });
    const { child, exited, output, url } = await serve();
    const held = fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chat('mute')),
    }).catch(() => null);
    await eventually(() => output().includes('"to":"ready"'), 'the worker is ready');
    const status = await fetch(`http://127.0.0.1:${adminPort(output)}/admin/status`);
    const pid = adminStatusSchema.parse(await status.json()).workers[0]?.pid ?? 0;
    child.kill('SIGTERM');
    await eventually(() => output().includes('draining'), 'it drains');
    child.kill('SIGINT');
    expect(await exited).toBe(130);
    expect(await held).toBeNull();
    await eventually(() => !isAlive(pid), 'the worker is gone');
  });
});

function adminPort(output: () => string): string {
  return /"admin":(\d+)/.exec(output())?.[1] ?? '';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
