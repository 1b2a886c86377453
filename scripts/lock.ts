import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deployLock, deployRequirements } from '../bench/lib/deploy/requirements.ts';
import { clientsLock, clientsRequirements } from './lib/clients-environment.ts';
import { sha256 } from './lib/hash.ts';
import { checkout, workerSource } from './lib/paths.ts';
import { say } from './lib/progress.ts';
import { runMain, SetupError } from './lib/setup-error.ts';
import { uv } from './lib/uv.ts';

/** uv would assume macOS 13 and pick a years-old mlx that still had wheels for it. */
const MACOS_DEPLOYMENT_TARGET = '14.0';

/** The oldest that hosts may have. Newer versions have wheels under the same hashes: no pin depends on the version. */
const PYTHON_VERSION = '3.11';

const requirementFiles = { text: 'requirements.txt', vision: 'requirements-vision.txt' } as const;

/** uv's name of each platform. mlx's Linux wheels need glibc 2.35. */
const platforms = {
  'linux-x86_64': 'x86_64-manylinux_2_35',
  'macos-arm64': 'aarch64-apple-darwin',
} as const;

interface Lock {
  /** Absolute path of the lock file. */
  readonly file: string;
  readonly requirements: string;
  readonly argv: readonly string[];
}

const commonArguments = [
  'pip',
  'compile',
  '--quiet',
  '--generate-hashes',
  '--no-header',
  '--no-annotate',
  '--no-emit-index-url',
  '--only-binary=:all:',
  `--python-version=${PYTHON_VERSION}`,
];

const workerLocks: readonly Lock[] = Object.entries(requirementFiles).flatMap(([environment, requirements]) =>
  Object.entries(platforms).map(([platform, platformOfUv]) => ({
    file: path.join(workerSource, 'locks', `${environment}-${platform}.txt`),
    requirements: path.join(checkout, requirements),
    argv: [...commonArguments, `--python-platform=${platformOfUv}`],
  })),
);

/** Nothing among the clients and the tools of a benchmark differs from platform to platform but its wheels. */
const locks: readonly Lock[] = [
  ...workerLocks,
  { file: clientsLock, requirements: clientsRequirements, argv: [...commonArguments, '--universal'] },
  { file: deployLock, requirements: deployRequirements, argv: [...commonArguments, '--universal'] },
];

/** First line of a lock file: says which requirements and options it was made from, and that nobody edited it. */
async function header(lock: Lock, body: string): Promise<string> {
  const inputs = sha256(await readFile(lock.requirements), lock.argv.join('\n'), MACOS_DEPLOYMENT_TARGET);
  return `# ${path.basename(lock.requirements)} ${inputs.slice(0, 16)}, content ${sha256(body).slice(0, 16)}\n`;
}

async function bodyOf(lock: Lock): Promise<{ first: string; body: string }> {
  const text = await readFile(lock.file, 'utf8').catch(() => '');
  const end = text.indexOf('\n') + 1;
  return { first: text.slice(0, end), body: text.slice(end) };
}

/** Compiles one lock. Pins that still fit are kept unless `upgrade` is set. */
async function compile(lock: Lock, upgrade: boolean): Promise<void> {
  await mkdir(path.dirname(lock.file), { recursive: true });
  const output = ['--output-file', lock.file, ...(upgrade ? ['--upgrade'] : [])];
  await uv([...lock.argv, ...output, lock.requirements]);
  const body = await readFile(lock.file, 'utf8');
  await writeFile(lock.file, (await header(lock, body)) + body);
}

/** Whether a lock file belongs to the requirements as they are now; needs no network. */
async function isFresh(lock: Lock): Promise<boolean> {
  const { first, body } = await bodyOf(lock);
  return first === (await header(lock, body));
}

await runMain(async () => {
  const [mode, ...rest] = process.argv.slice(2);
  if (rest.length > 0 || (mode !== undefined && mode !== '--check' && mode !== '--upgrade')) {
    throw new SetupError('usage: node scripts/lock.ts [--check | --upgrade]');
  }
  if (mode === '--check') {
    const fresh = await Promise.all(locks.map(isFresh));
    const stale = locks.filter((_, index) => !fresh[index]).map((lock) => path.relative(checkout, lock.file));
    if (stale.length === 0) return 0;
    throw new SetupError(
      `These lock files do not match their requirements: ${stale.join(', ')}`,
      'Run: node scripts/lock.ts',
    );
  }
  process.env['MACOSX_DEPLOYMENT_TARGET'] = MACOS_DEPLOYMENT_TARGET;
  for (const lock of locks) {
    await compile(lock, mode === '--upgrade');
    say(`wrote ${path.relative(checkout, lock.file)}`);
  }
  return 0;
});
