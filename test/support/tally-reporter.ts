import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Reporter, TestModule, TestSuite } from 'vitest/node';
import type { Skip, Tally } from '../../scripts/lib/tally.ts';
import { skipReason } from './skipping.ts';

/**
 * Writes what a vitest run did to the file named by TALLY_FILE, for `npm test`. Vitest's own JSON leaves out why a test
 * was skipped, and errors outside of tests. A test without a verdict, or skipped without a reason, counts as failed.
 */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env['TALLY_FILE'];
    if (!file) return;
    const tally = addUnhandled(tallyModules(modules), unhandledErrors.length);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(tally));
  }
}

function tallyModules(modules: readonly TestModule[]): Tally {
  let passed = 0;
  const failures: string[] = [];
  const skips: Skip[] = [];
  for (const module of modules) {
    for (const group of [module, ...module.children.allSuites()]) {
      if (group.errors().length > 0) failures.push(`${nameOf(group)}: an error outside of its tests`);
    }
    if (module.state() === 'queued' || module.state() === 'pending')
      failures.push(`${module.relativeModuleId}: did not finish`);
    for (const test of module.children.allTests()) {
      const result = test.result();
      const name = `${module.relativeModuleId} > ${test.fullName}`;
      if (result.state === 'passed') passed += 1;
      else if (result.state === 'failed') failures.push(name);
      else if (result.state === 'pending') failures.push(`${name}: did not finish`);
      else {
        const reason = result.note ?? skipReason(test.fullName);
        if (reason) skips.push({ test: name, reason });
        else failures.push(`${name}: skipped without a reason`);
      }
    }
  }
  return { passed, failures, skips };
}

function nameOf(group: TestModule | TestSuite): string {
  return group.type === 'module'
    ? group.relativeModuleId
    : `${group.module.relativeModuleId} > ${group.fullName}`;
}

function addUnhandled(tally: Tally, count: number): Tally {
  if (count === 0) return tally;
  return { ...tally, failures: [...tally.failures, `${count} errors that no test caught`] };
}
