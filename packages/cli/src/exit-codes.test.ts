import { CodedError } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { ERRORS, isUnreachableCode } from './errors.ts';
import { combinedExitCode, exitCodeOf } from './exit-codes.ts';

describe('the exit code follows from the kind of an error', () => {
  test.each([
    [2, ERRORS.WRONG_USAGE],
    [2, ERRORS.SECRET_UNAVAILABLE],
    [3, ERRORS.LOCK_HELD],
    [4, ERRORS.HOST_UNREACHABLE],
    [4, ERRORS.HOST_KEY_CHANGED],
    [4, ERRORS.AUTH_FAILED],
    [4, ERRORS.KEY_UNUSABLE],
    [4, ERRORS.SSH_CONFIG_INVALID],
    [4, ERRORS.SSH_MISSING],
    [4, ERRORS.SESSION_REFUSED],
    [1, ERRORS.CONNECTION_LOST],
    [1, ERRORS.GATE_FAILED],
  ])('%i for $code', (exitCode, definition) => {
    expect(exitCodeOf(new CodedError(definition, 'no'))).toBe(exitCode);
    expect(isUnreachableCode(definition.code)).toBe(exitCode === 4);
  });

  test('130 for Ctrl-C, 1 for what nobody expected', () => {
    expect(exitCodeOf(new DOMException('Interrupted', 'AbortError'))).toBe(130);
    expect(exitCodeOf(new TypeError('no'))).toBe(1);
  });
});

test.each([
  ['all done', [null, null], 0],
  ['one locked, one done', [ERRORS.LOCK_HELD, null], 3],
  ['one locked, one failed', [ERRORS.LOCK_HELD, ERRORS.GATE_FAILED], 1],
  ['one without a key file, one done', [ERRORS.KEY_UNUSABLE, null], 1],
  ['none reached', [ERRORS.KEY_UNUSABLE, ERRORS.HOST_UNREACHABLE], 4],
])('over several hosts: %s', (_what, errors, exitCode) => {
  const ends = errors.map((error) => ({
    failed: error !== null,
    unreachable: error !== null && isUnreachableCode(error.code),
    code: error?.code ?? null,
  }));
  expect(combinedExitCode(ends)).toBe(exitCode);
});
