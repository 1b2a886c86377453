import { Readable, Writable } from 'node:stream';
import { type DeployDocument, deployDocumentSchema, progressEventSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { Output } from '../output/output.ts';
import { type RolloutResult, showRollout } from './rollout.ts';

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const deployed = { outcome: 'changed', release: 'new', previous: 'old', durationMs: 1, error: null } as const;

function documentOf(...hosts: DeployDocument['hosts']): DeployDocument {
  return { schemaVersion: 1, hosts };
}

async function shown(
  result: RolloutResult,
  json: boolean,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const stdout = new Collector();
  const stderr = new Collector();
  const output = new Output({ stdout, stderr, json, noColour: true, env: {} });
  output.startEvents();
  const exitCode = await showRollout(
    {
      output,
      stdin: Readable.from([]),
      options: { json },
      cwd: '/',
      env: {},
      signal: new AbortController().signal,
      openTargets: async () => [],
    },
    'deploy',
    result.document.hosts.map(({ name }) => name),
    async (observer) => {
      for (const row of result.document.hosts) observer.hostOutcome(row.name, row);
      return result;
    },
  );
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

const hookFailed = {
  ...deployed,
  name: 'air',
  error: { code: 'HOOK_FAILED', message: 'the post-deploy hook ended with exit code 1: x', hint: null },
};

test.each([
  ['of which all were deployed', documentOf({ ...deployed, name: 'air' }), 0],
  ['of which one was deployed and its hook failed', documentOf(hookFailed, { ...deployed, name: 'mini' }), 1],
  ['of which one went back with others', documentOf({ ...hookFailed, outcome: 'rolled-back' }), 1],
])('hosts %s: the exit code', async (_what, document, exitCode) => {
  expect((await shown({ document, plan: null }, false)).exitCode).toBe(exitCode);
});

test('people are told what failed and how many hosts ended how', async () => {
  const { stdout, stderr } = await shown({ document: documentOf(hookFailed), plan: null }, false);
  expect(stderr).toBe('\n✖ air: the post-deploy hook ended with exit code 1: x (HOOK_FAILED)\n');
  expect(stdout).toMatch(/^air {2}changed {2}the post-deploy hook .*\n1 host: 1 changed in/);
});

test('with --json stdout is one document, and every line of stderr an event', async () => {
  const entries = [{ sign: '~' as const, text: 'current: old -> new', details: [] }];
  const plan = [{ host: 'air', sections: [{ name: 'release' as const, entries }] }];
  const { stdout, stderr } = await shown({ document: documentOf(hookFailed), plan }, true);
  expect(deployDocumentSchema.parse(JSON.parse(stdout))).toEqual(documentOf(hookFailed));
  const events = stderr
    .trimEnd()
    .split('\n')
    .map((line) => progressEventSchema.parse(JSON.parse(line)));
  expect(events).toMatchObject([
    { event: 'outcome', host: 'air', outcome: 'changed', error: { code: 'HOOK_FAILED' } },
    { event: 'plan', host: 'air', section: 'release', sign: '~', text: 'current: old -> new', details: [] },
  ]);
});
