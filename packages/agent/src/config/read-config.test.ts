import { describe, expect, test } from 'vitest';
import { parseConfig, readConfig } from './read-config.ts';

describe('shared/config.yaml', () => {
  test('a missing file means the defaults', () => {
    expect(readConfig('/nonexistent/config.yaml')).toMatchObject({
      api: { bind: '127.0.0.1', port: 11_440, anonymous: false, key_hashes: [] },
      admin: { port: 11_441 },
      queue_depth: 50,
    });
  });

  test.each([
    ['version: 1\napi:\n  prot: 5\n', 'c.yaml:3: api.prot: unknown key; did you mean port?'],
    ['version: 1\nqueu_depth: 5\n', 'c.yaml:2: queu_depth: unknown key; did you mean queue_depth?'],
    [
      'version: 1\nmodels:\n  - id: a\n    pinn: true\n',
      'c.yaml:4: models.0.pinn: unknown key; did you mean pin?',
    ],
    [
      'version: 1\nmodels:\n  - id: a\n    base: a\n    adapter: x\n',
      'c.yaml:4: models.0.base: "a" cannot be its own base',
    ],
    ['version: 1\nmodels: [{id: a}, {id: a}]\n', 'c.yaml:2: models.1.id: "a" is already listed'],
    [
      'version: 1\nmodels:\n  - id: a\n    base: b\n    adapter: ../x\n',
      'c.yaml:5: models.0.adapter: expected',
    ],
    [
      'version: 1\nmodels:\n  - id: a\n    prefix_cache: { memory_byte: 1 }\n',
      'c.yaml:4: models.0.prefix_cache.memory_byte: unknown key; did you mean memory_bytes?',
    ],
    [
      'version: 1\napi:\n  rate_limit: { burts: 1 }\n',
      'c.yaml:3: api.rate_limit.burts: unknown key; did you mean burst?',
    ],
    ['version: 1\nzebra: 1\n', 'c.yaml:2: zebra: unknown key'],
    ['version: 1\napi:\n  port: 70000\n', 'c.yaml:3: api.port: '],
    ['version: 2\n', 'c.yaml:1: version: '],
    ['version: 1\napi: [\n', 'c.yaml:3: '],
    ['', 'c.yaml:1: '],
  ])('%j is refused with its place', (text, message) => {
    expect(() => parseConfig(text, 'c.yaml')).toThrow(message);
  });

  test('every problem is told', () => {
    expect(() => parseConfig('version: 1\na: 1\nqueue_depth: -1\n', 'c.yaml')).toThrow(
      /queue_depth[^]*a: unknown key|a: unknown key[^]*queue_depth/,
    );
  });

  test('a file that is no file', () => {
    expect(() => readConfig('/')).toThrow('cannot read /');
  });
});
