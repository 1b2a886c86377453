import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type CommandOutput, capture } from './lib/command.ts';
import { checkout, workerSource } from './lib/paths.ts';
import { formatSeconds } from './lib/progress.ts';
import { ensureRuff } from './lib/ruff.ts';
import { runMain } from './lib/setup-error.ts';

interface Check {
  readonly name: string;
  readonly file: string;
  readonly argv: readonly string[];
}

const ruffSettings = ['--no-cache', '--config', path.join(workerSource, 'pyproject.toml')];
const pythonSources = [
  workerSource,
  ...['bench', 'scripts', 'test'].map((folder) => path.join(checkout, folder)),
];

function nodeTool(name: string, ...argv: string[]): Check {
  return { name, file: path.join(checkout, 'node_modules', '.bin', name), argv };
}

function ownScript(script: string, ...argv: string[]): Check {
  const file = path.join(checkout, 'scripts', script);
  return {
    name: script,
    file: process.execPath,
    argv: ['--disable-warning=ExperimentalWarning', file, ...argv],
  };
}

async function listChecks(): Promise<Check[]> {
  const ruff = await ensureRuff();
  const scripts = await readdir(path.join(checkout, 'scripts'));
  const freshness = scripts
    .filter((script) => script === 'lock.ts' || /^generate-.*(?<!\.test)\.ts$/.test(script))
    .map((script) => ownScript(script, '--check'));
  return [
    nodeTool('oxfmt', '--check', '.'),
    nodeTool('oxlint', '.'),
    nodeTool('tsc', '-p', '.'),
    nodeTool('knip'),
    { name: 'ruff check', file: ruff, argv: ['check', ...ruffSettings, ...pythonSources.filter(existsSync)] },
    {
      name: 'ruff format',
      file: ruff,
      argv: ['format', '--check', ...ruffSettings, ...pythonSources.filter(existsSync)],
    },
    ...freshness,
  ];
}

async function runCheck(check: Check): Promise<boolean> {
  const start = performance.now();
  const result: CommandOutput = await capture(check.file, check.argv, { cwd: checkout }).catch(
    (error: Error) => ({ exitCode: null, stdout: '', output: error.message }),
  );
  const seconds = formatSeconds(performance.now() - start);
  const passed = result.exitCode === 0;
  process.stdout.write(`${passed ? '✔' : '✖'} ${check.name}  ${seconds}\n`);
  if (!passed) process.stdout.write(`${result.output.trimEnd().replaceAll(/^/gm, '    ')}\n`);
  return passed;
}

await runMain(async () => {
  const start = performance.now();
  const checks = await listChecks();
  const passed = await Promise.all(checks.map(runCheck));
  const failed = checks.filter((_, index) => !passed[index]).map((check) => check.name);
  const seconds = formatSeconds(performance.now() - start);
  process.stdout.write(
    failed.length === 0
      ? `\n${checks.length} checks passed in ${seconds}\n`
      : `\n${failed.length} of ${checks.length} checks failed in ${seconds}: ${failed.join(', ')}\n`,
  );
  return failed.length === 0 ? 0 : 1;
});
