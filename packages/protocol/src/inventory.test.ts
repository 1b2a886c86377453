import { describe, expect, test } from 'vitest';
import { inventorySchema } from './inventory.ts';

const smallest = { version: 1, hosts: { air: {} } };

/** Paths of the issues that parsing the value gives. */
function issuePaths(value: unknown): string[] {
  const result = inventorySchema.safeParse(value);
  return result.success ? [] : result.error.issues.map((issue) => issue.path.join('.'));
}

describe('inventory', () => {
  test('accepts the contract’s example', () => {
    const example = {
      version: 1,
      defaults: {
        user: 'admin',
        root: '~/.mlxfleet',
        api: { port: 11440, bind: '127.0.0.1', anonymous: true },
        admin: { port: 11441 },
        keep_releases: 5,
      },
      hosts: {
        studio: {
          address: 'studio.local',
          labels: ['production'],
          api: { bind: '0.0.0.0', keys: [{ env: 'STUDIO_KEY' }] },
        },
        air: { address: 'air.local', labels: ['canary'] },
        mini: { address: 'mini.local', service: 'system' },
        m1: { address: 'm1.local', port: 2222, jump: 'studio', identity: '~/.ssh/m1' },
        here: { connection: 'local' },
      },
      rollout: { canary: ['air'], max_parallel: 2, on_failure: 'stop' },
      models: [
        {
          id: 'mlx-community/Qwen2.5-0.5B-Instruct-4bit',
          hosts: ['studio', 'air'],
          preload: true,
          pin: true,
          ttl: '10m',
          context: 8192,
        },
      ],
      python: { version: '3.12' },
      smoke_test: { model: 'mlx-community/Qwen2.5-0.5B-Instruct-4bit' },
      env: { HF_ENDPOINT: 'http://localhost:9999', HF_TOKEN: { env: 'HF_TOKEN' } },
    };
    const parsed = inventorySchema.parse(example);
    expect(parsed.models?.[0]?.ttl).toBe(600);
  });

  test.each([
    ['at the top', { ...smallest, rollouts: {} }],
    ['in a host', { version: 1, hosts: { air: { adress: 'air.local' } } }],
    ['in api', { version: 1, hosts: { air: { api: { prt: 1 } } } }],
    ['in defaults', { ...smallest, defaults: { usr: 'admin' } }],
    ['in a model', { ...smallest, models: [{ id: 'a/b', prelod: true }] }],
    ['in a secret', { version: 1, hosts: { air: { api: { keys: [{ enw: 'KEY' }] } } } }],
  ])('refuses an unknown key %s', (_where, value) => {
    expect(issuePaths(value)).not.toEqual([]);
  });

  test.each([
    ['a literal secret', { version: 1, hosts: { air: { api: { keys: ['plain'] } } } }],
    ['no hosts', { version: 1, hosts: {} }],
    ['a host name with a slash', { version: 1, hosts: { 'a/b': {} } }],
    ['a relative root', { version: 1, hosts: { air: { root: 'mlxfleet' } } }],
    ['a port out of range', { version: 1, hosts: { air: { port: 70_000 } } }],
    ['a version that is not 1', { ...smallest, version: 2 }],
    ['a ttl without a unit that exists', { ...smallest, models: [{ id: 'a/b', ttl: '10 parsecs' }] }],
    ['a ttl of zero', { ...smallest, models: [{ id: 'a/b', ttl: '0s' }] }],
    ['a Python that is too old', { ...smallest, python: { version: '3.10' } }],
    ['a Python without wheels', { ...smallest, python: { version: '3.14' } }],
    ['an environment name with a dash', { ...smallest, env: { 'A-B': 'c' } }],
  ])('refuses %s', (_what, value) => {
    expect(issuePaths(value)).not.toEqual([]);
  });
});
