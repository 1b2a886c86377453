import type { Skip, Tally } from './tally.ts';

/** Reads the JUnit XML that pytest writes. */
export function readJunit(xml: string): Tally {
  const failures: string[] = [];
  const skips: Skip[] = [];
  let passed = 0;
  for (const [, attributes = '', body = ''] of xml.matchAll(
    /<testcase\b([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  )) {
    const name = `${attribute(attributes, 'classname')}::${attribute(attributes, 'name')}`;
    const skipped = /<skipped\b([^>]*)/.exec(body);
    if (/<(?:failure|error)\b/.test(body)) failures.push(name);
    else if (skipped) skips.push({ test: name, reason: attribute(skipped[1] ?? '', 'message') });
    else passed += 1;
  }
  return { passed, failures, skips };
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
  return value.replaceAll(/&(quot|apos|lt|gt|amp);/g, (_, entity: string) => entities[entity] ?? '');
}

const entities: Readonly<Record<string, string>> = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' };
