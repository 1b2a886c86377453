import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../paths.ts';
import { howToCall } from './how-to-call.ts';

test.each([
  ['npm start', howToCall('http://127.0.0.1:11440/v1', 'm', 'inventory.yaml')],
  ['README.md', readFileSync(path.join(checkout, 'README.md'), 'utf8')],
])('each snippet of %s ends after some tokens, also on a slow machine', (_, text) => {
  for (const bounded of [
    /curl .*\n.*"max_tokens": 64/,
    /create\(\n.*max_tokens=64/,
    /create\(\{\n.*max_tokens: 64/,
  ]) {
    expect(text).toMatch(bounded);
  }
});
