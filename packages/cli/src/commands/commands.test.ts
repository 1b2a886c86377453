import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import {
  CodedError,
  deployDocumentSchema,
  doctorDocumentSchema,
  execDocumentSchema,
  hostActionDocumentSchema,
  initDocumentSchema,
  logsDocumentSchema,
  progressEventSchema,
  pruneDocumentSchema,
  releasesDocumentSchema,
  statusDocumentSchema,
  validateDocumentSchema,
} from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import { exitCodeOf } from '../exit-codes.ts';
import type { Host } from '../hosts/host.ts';
import { LocalHost } from '../hosts/local-host.ts';
import { Output } from '../output/output.ts';
import { parseArguments } from '../parse-arguments.ts';
import type { CommandContext } from './command-context.ts';

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** A host that is asleep. */
class AwayHost implements Host {
  readonly address = 'away.local';
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async #away(): Promise<never> {
    throw new CodedError(ERRORS.HOST_UNREACHABLE, `${this.name}: no route to host`);
  }

  async run(): Promise<never> {
    return this.#away();
  }

  async runAnew(): Promise<never> {
    return this.#away();
  }

  async upload(): Promise<never> {
    return this.#away();
  }

  async openUnixSocket(): Promise<never> {
    return this.#away();
  }

  async openLoopbackPort(): Promise<never> {
    return this.#away();
  }

  async close(): Promise<void> {}
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mlxfleet-commands-'));
  await writeFile(
    path.join(folder, 'inventory.yaml'),
    `version: 1
hosts:
  here: { connection: local, root: ${folder}/root, api: { port: 29440 }, admin: { port: 29441 } }
  away: { labels: [far] }
`,
  );
  for (const name of ['a.png', 'b.png']) {
    await writeFile(path.join(folder, name), Buffer.from('89504e470d0a1a0a0000', 'hex'));
  }
  await writeFile(path.join(folder, 'c.pdf'), '%PDF-1.7');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const openTargets: CommandContext['openTargets'] = async ({ selected }) =>
  selected.map((settings) => ({
    settings,
    host: settings.connection === 'local' ? new LocalHost(settings.name) : new AwayHost(settings.name),
  }));

async function mlxfleet(...argv: string[]): Promise<Ending> {
  const stdout = new Collector();
  const stderr = new Collector();
  const json = argv.includes('--json');
  const output = new Output({ stdout, stderr, json, noColour: true, env: {} });
  try {
    const { options, run } = await parseArguments(argv, output);
    if (run === null) throw new Error('nothing to run');
    const exitCode = await run({
      output,
      stdin: Readable.from([]),
      options,
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder },
      signal: new AbortController().signal,
      openTargets,
    });
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { exitCode: exitCodeOf(error), stdout: stdout.text, stderr: `${error.message}\n${error.hint}` };
  }
}

describe('with --json stdout is one document of the command', () => {
  test.each([
    ['status', ['status'], statusDocumentSchema, 1],
    ['status of a host that is away', ['status', 'away'], statusDocumentSchema, 4],
    ['releases', ['releases'], releasesDocumentSchema, 1],
    ['releases of this machine', ['releases', 'here'], releasesDocumentSchema, 0],
    ['doctor', ['doctor'], doctorDocumentSchema, 1],
    ['doctor of a label', ['doctor', 'far'], doctorDocumentSchema, 4],
    ['validate', ['validate'], validateDocumentSchema, 0],
    ['init', ['init', '--yes', '-i', 'other.yaml'], initDocumentSchema, 0],
    ['start', ['start'], hostActionDocumentSchema, 1],
    ['stop of a host that is away', ['stop', 'away'], hostActionDocumentSchema, 4],
    ['load', ['load', 'tiny'], hostActionDocumentSchema, 1],
    ['unload', ['unload', 'tiny', 'here'], hostActionDocumentSchema, 1],
    ['unlock', ['unlock', 'here'], hostActionDocumentSchema, 0],
    ['uninstall', ['uninstall', 'here', '--yes'], hostActionDocumentSchema, 0],
    ['prune', ['prune', 'here'], pruneDocumentSchema, 0],
    ['prune of a host that is away', ['prune', '--dry-run'], pruneDocumentSchema, 1],
    ['rollback', ['rollback', 'here'], deployDocumentSchema, 1],
    ['logs', ['logs', '-n', '5'], logsDocumentSchema, 1],
    ['exec', ['exec', '--json', 'here', '--', 'echo', 'a  b'], execDocumentSchema, 0],
  ])('%s', async (_what, argv, schema, exitCode) => {
    const ending = await mlxfleet(...(argv.includes('--json') ? argv : [...argv, '--json']));
    expect(schema.safeParse(JSON.parse(ending.stdout)).error).toBeUndefined();
    expect(ending.exitCode).toBe(exitCode);
  });
});

test.each([
  ['rollback', ['outcome']],
  ['prune', ['begin', 'failed', 'outcome']],
])('with --json stderr of %s is one event a line', async (command, expected) => {
  const { stderr } = await mlxfleet(command, 'away', '--json');
  const events = stderr
    .trimEnd()
    .split('\n')
    .map((line) => progressEventSchema.parse(JSON.parse(line)));
  const told = events.map((event) => (event.event === 'step' ? event.state : event.event));
  expect(told).toEqual(expected);
  expect(events.at(-1)).toMatchObject({ host: 'away', outcome: 'unreachable' });
});

test('what prune says of hosts', async () => {
  const { exitCode, stdout, stderr } = await mlxfleet('prune');
  expect(exitCode).toBe(1);
  expect(stdout.split('\n')).toEqual([' here  ✔ nothing to remove', ' away  ✖ no route to host', '']);
  expect(stderr).toContain('mlxfleet doctor away');
});

test('validate shows the hooks that a deploy runs', async () => {
  await writeFile(
    path.join(folder, 'hooks.yaml'),
    'version: 1\nhosts: { a: {} }\nhooks:\n' +
      '  post-deploy: [{ run: df -h, on: remote }]\n  pre-deploy: [{ run: ./drain.sh }]\n',
  );
  const { stdout } = await mlxfleet('validate', '-i', 'hooks.yaml');
  expect(stdout.split('\n').slice(1, 3)).toEqual([
    '  pre-deploy hook on this machine: ./drain.sh',
    '  post-deploy hook on the host: df -h',
  ]);
  const json = await mlxfleet('validate', '-i', 'hooks.yaml', '--json');
  expect(validateDocumentSchema.parse(JSON.parse(json.stdout)).hooks).toEqual([
    { event: 'pre-deploy', on: 'local', run: './drain.sh' },
    { event: 'post-deploy', on: 'remote', run: 'df -h' },
  ]);
});

describe('deploy with hooks', () => {
  const cache = process.env['XDG_CACHE_HOME'];
  let inventory: string;
  beforeEach(async () => {
    process.env['XDG_CACHE_HOME'] = path.join(folder, 'cache');
    inventory = path.join(folder, 'fleet/hooks.yaml');
    await mkdir(path.dirname(inventory));
    const hooks = 'pre-deploy: [{ run: exit 3 }], on-failure: [{ run: pwd >seen }]';
    const host = `{ connection: local, root: ${folder}/root }`;
    await writeFile(inventory, `version: 1\nhosts: { here: ${host} }\nhooks: { ${hooks} }\n`);
  });
  afterEach(() => {
    if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = cache;
  });

  test('that does not change anything shows them', async () => {
    const { exitCode, stdout, stderr } = await mlxfleet('-i', inventory, 'deploy', '--dry-run', '--json');
    expect(exitCode).toBe(0);
    expect(deployDocumentSchema.parse(JSON.parse(stdout)).hosts).toMatchObject([{ outcome: 'changed' }]);
    const planned = stderr.split('\n').filter((line) => line.includes('"section":"hooks"'));
    expect(planned).toEqual([
      expect.stringContaining('pre-deploy hook on this machine: exit 3'),
      expect.stringContaining('on-failure hook on this machine: pwd >seen'),
    ]);
  });

  test('runs local ones in the folder of the inventory, and one that fails is exit code 1', async () => {
    const { exitCode, stdout, stderr } = await mlxfleet('-i', inventory, 'deploy', '--json');
    expect(exitCode).toBe(1);
    expect(deployDocumentSchema.parse(JSON.parse(stdout)).hosts).toMatchObject([
      { outcome: 'failed', release: null, error: { code: 'HOOK_FAILED' } },
    ]);
    for (const line of stderr.trimEnd().split('\n')) progressEventSchema.parse(JSON.parse(line));
    const seen = await readFile(path.join(path.dirname(inventory), 'seen'), 'utf8');
    expect(await realpath(seen.trim())).toBe(await realpath(path.dirname(inventory)));
  });
});

test.runIf(process.platform === 'linux')(
  'doctor looks for the compiler that MLX needs on Linux',
  async () => {
    const { stdout } = await mlxfleet('doctor', 'here', '--json');
    const checks = doctorDocumentSchema
      .parse(JSON.parse(stdout))
      .hosts[0]?.findings.map(({ check }) => check);
    expect(checks).toContain('compiler');
  },
);

test('what status says of a machine without mlxfleet, and of one that is away', async () => {
  const { stdout } = await mlxfleet('status');
  expect(stdout.split('\n').map((line) => line.split('\t').slice(0, 2).join(' '))).toEqual([
    'HOST STATE',
    'here not-installed',
    'away unreachable',
    '',
  ]);
});

test('problems of an inventory are a document with places', async () => {
  await writeFile(path.join(folder, 'bad.yaml'), 'version: 1\nhosts:\n  a: { adress: x }\n');
  const { exitCode, stdout, stderr } = await mlxfleet('validate', '-i', 'bad.yaml', '--json');
  expect(exitCode).toBe(2);
  expect(validateDocumentSchema.parse(JSON.parse(stdout)).problems).toEqual([
    { line: 3, column: 8, path: 'hosts.a.adress', message: 'unknown key', suggestion: 'address' },
  ]);
  expect(stderr).toContain('bad.yaml:3:8  hosts.a.adress  unknown key  (did you mean "address"?)');
});

test.each([
  ['a: { adress: x, jump: nowhere }', true],
  ['a: { jump: nowhere }', false],
])('of %s, whether further checks follow is said: %j', async (host, isSaid) => {
  await writeFile(path.join(folder, 'bad.yaml'), `version: 1\nhosts:\n  ${host}\n`);
  const { exitCode, stderr } = await mlxfleet('validate', '-i', 'bad.yaml');
  expect(exitCode).toBe(2);
  expect(stderr.includes('further checks follow once these are mended')).toBe(isSaid);
});

test('what an inventory says and this version does not do is a warning', async () => {
  await writeFile(path.join(folder, 'mini.yaml'), 'version: 1\nhosts:\n  mini: { service: system }\n');
  const { exitCode, stdout, stderr } = await mlxfleet('validate', '-i', 'mini.yaml', '--json');
  expect(exitCode).toBe(0);
  expect(validateDocumentSchema.parse(JSON.parse(stdout))).toMatchObject({
    valid: true,
    warnings: [{ line: 3, path: 'hosts.mini.service' }],
  });
  expect(stderr).toMatch(/^warning: mini\.yaml:3:20 {2}hosts\.mini\.service/);
});

test('without an inventory every command says how to write one', async () => {
  await rm(path.join(folder, 'inventory.yaml'));
  for (const command of ['status', 'deploy', 'doctor', 'validate']) {
    expect(await mlxfleet(command)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('mlxfleet init'),
    });
  }
});

test('init does not overwrite, and what it writes is valid', async () => {
  const before = await readFile(path.join(folder, 'inventory.yaml'), 'utf8');
  expect((await mlxfleet('init', '--yes')).exitCode).toBe(2);
  expect(await readFile(path.join(folder, 'inventory.yaml'), 'utf8')).toBe(before);
  expect((await mlxfleet('init', '--yes', '--force')).exitCode).toBe(0);
  expect((await mlxfleet('validate')).stdout).toContain('is valid: 1 host (local)');
});

describe('exec', () => {
  test('arguments arrive as they are, and the exit code comes back', async () => {
    expect((await mlxfleet('exec', 'here', '--', 'printf', '%s|', 'a b', "it's", '$HOME')).stdout).toBe(
      "a b|it's|$HOME|\n",
    );
    expect((await mlxfleet('exec', 'here', '--', 'exit 7')).exitCode).toBe(7);
  });

  test('lines of several hosts carry their names; one that is away fails the whole', async () => {
    const { exitCode, stdout, stderr } = await mlxfleet('exec', '--', 'echo', 'hi');
    expect(stdout).toBe('here  hi\n');
    expect(stderr).toContain('away: no route to host');
    expect(exitCode).toBe(1);
  });

  test('a command has to be given', async () => {
    expect(await mlxfleet('exec', 'here')).toMatchObject({ exitCode: 2 });
    expect(await mlxfleet('exec', 'here', 'uptime')).toMatchObject({ exitCode: 2 });
  });
});

test.each([
  [['status', 'hare'], 'Did you mean "here"?'],
  [['status', '--watch', '--json'], 'as often as you need'],
  [['logs', '-f', '--json'], 'leave out one'],
  [['uninstall', 'here'], '--yes'],
  [['chat'], 'mlxfleet chat'],
  [['chat', '--image', 'none.png', 'What is this?'], 'none.png: there is no such file'],
  [['chat', '--image', 'inventory.yaml', 'What is this?'], 'neither a PNG, JPEG'],
  [['chat', '--pages', '1-3', 'What is this?'], '--image report.pdf --pages'],
  [['chat', '--image', 'a.png', 'b.png'], 'mlxfleet chat --image a.png --image b.png "What is this?"'],
  [
    ['chat', '--image', 'a.png', 'b.png', 'c.pdf', 'What is this?'],
    'mlxfleet chat --image a.png --image b.png --image c.pdf "What is this?"',
  ],
  [['chat', 'here', 'b.png'], 'b.png is a file, and would be the prompt'],
  [['chat', './b.png', 'c.pdf'], 'mlxfleet chat --image ./b.png --image c.pdf "What is this?"'],
])('%j is wrong usage', async (argv, hint) => {
  expect(await mlxfleet(...argv)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(hint) });
});

test.each([
  [['chat', 'here', 'What is b.png?']],
  [['chat', 'here', 'what', 'is', 'b.png']],
  [['chat', 'here', 'b.png', 'is', 'what?']],
  [['chat', 'here', '--image', 'b.png', 'b.png', 'is', 'what?']],
  [['chat', 'here', 'inventory.yaml']],
  [['chat', 'here', 'none.png']],
])('%j is a prompt', async (argv) => {
  expect(await mlxfleet(...argv)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('mlxfleet deploy here'),
  });
});

test('an agent that is not installed is advice', async () => {
  const { exitCode, stderr } = await mlxfleet('load', 'tiny', 'here');
  expect(exitCode).toBe(1);
  expect(stderr).toContain('mlxfleet deploy here');
});
