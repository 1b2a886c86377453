import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../scripts/lib/paths.ts';
import { agentNodeFlags } from './support/agent-node-flags.ts';

test('agents of tests and benches run as the supervisor of a host runs them', () => {
  const supervisor = readFileSync(
    path.join(checkout, 'packages', 'cli', 'remote', 'service-detached.sh'),
    'utf8',
  );
  const command =
    /"\$ROOT\/current\/runtime\/node" (?<flags>[^"]*?)\s+(?:\\\n\s*)?"\$ROOT\/current\/agent\/agent\.mjs"/;
  expect(command.exec(supervisor)?.groups?.['flags']?.split(' ')).toEqual(agentNodeFlags);
});
