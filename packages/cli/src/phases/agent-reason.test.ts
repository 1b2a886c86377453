import { expect, test } from 'vitest';
import { agentReason, hintOfReason, lastWords, withAgentReason } from './agent-reason.ts';

const LOG = `{"level":30,"time":1,"msg":"stopped"}
error PORT_IN_USE: an earlier attempt
  Stop it.
error CONFIG_INVALID: c.yaml:3: prot: unknown key
c.yaml:4: bnd: unknown key
  Correct the file.
`;

test('the last reason in a log is that of the agent, with each problem and the hint', () => {
  expect(agentReason(LOG)).toEqual({
    code: 'CONFIG_INVALID',
    message: 'c.yaml:3: prot: unknown key\nc.yaml:4: bnd: unknown key',
    hint: 'Correct the file.',
  });
});

test.each(['', '{"level":50,"msg":"error X: y"}', 'TypeError: x is no function\n    at y'])(
  'a log without a reason has none: %j',
  (log) => expect(agentReason(log)).toBeNull(),
);

test('many problems are few lines', () => {
  const message = Array.from({ length: 9 }, (_, index) => `problem ${String(index)}`).join('\n');
  const text = withAgentReason('it does not serve', { code: 'X', message, hint: '' });
  expect(text.split('\n')).toHaveLength(6);
  expect(text).toMatch(/^it does not serve:\n {2}problem 0\n/);
  expect(text).toMatch(/and 5 more$/);
  expect(withAgentReason('it does not serve', { code: 'X', message: 'one', hint: '' })).toBe(
    'it does not serve: one',
  );
  expect(hintOfReason({ code: 'X', message, hint: '' })).toBe('All that it said: `mlxfleet logs HOST`.');
});

test('the last words are few, without frames of a stack', () => {
  const crash = 'one\ntwo\nthree\nTypeError: x\n    at y (z:1:1)\n\nNode.js v22.1.0\n';
  expect(lastWords(`zero\n${crash}`)).toEqual(['one', 'two', 'three', 'TypeError: x']);
});
