import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CodedError, type SecretReference } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { Secret } from './secret.ts';

const COMMAND_TIMEOUT_MS = 60_000;

const execute = promisify(execFile);

export interface SecretContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

function fromEnvironment(name: string, context: SecretContext): Secret {
  const value = context.env[name];
  if (value === undefined || value === '') {
    const state = value === undefined ? 'not set' : 'empty';
    throw new CodedError(ERRORS.SECRET_UNAVAILABLE, `the environment variable ${name} is ${state}`, {
      hint: `Set it: export ${name}=…`,
    });
  }
  return new Secret(value);
}

async function fromCommand(command: string, context: SecretContext): Promise<Secret> {
  let output: string;
  try {
    const result = await execute('/bin/sh', ['-c', command], {
      env: { ...context.env },
      timeout: COMMAND_TIMEOUT_MS,
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    });
    output = result.stdout;
  } catch (error) {
    if (context.signal?.aborted) throw error;
    // Neither the cause nor its output is passed on: a password manager may print the secret before it fails.
    const code = error instanceof Error && 'code' in error ? ` (exit code ${String(error.code)})` : '';
    throw new CodedError(ERRORS.SECRET_UNAVAILABLE, `the command of a secret failed${code}: ${command}`);
  }
  const value = output.replace(/\r?\n$/, '');
  if (value === '') {
    throw new CodedError(ERRORS.SECRET_UNAVAILABLE, `the command of a secret printed nothing: ${command}`);
  }
  if (/[\r\n]/.test(value)) {
    throw new CodedError(
      ERRORS.SECRET_UNAVAILABLE,
      `the command of a secret printed more than one line: ${command}`,
    );
  }
  return new Secret(value);
}

/** The secret that a reference stands for. Rejects with SECRET_UNAVAILABLE, which never holds the value. */
export async function resolveSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  return 'env' in reference
    ? fromEnvironment(reference.env, context)
    : fromCommand(reference.command, context);
}
