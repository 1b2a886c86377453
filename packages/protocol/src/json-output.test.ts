import { expect, test } from 'vitest';
import { deployDocumentSchema, releasesDocumentSchema, statusDocumentSchema } from './json-output.ts';

const error = { code: 'HOST_UNREACHABLE', message: 'no route', hint: null };

test('the status document has exactly the contract’s fields', () => {
  const host = {
    name: 'air',
    address: 'air.local',
    state: 'healthy',
    release: '20261123T040000Z-3f9ac2e1',
    version: '1.0.0',
    models: [{ id: 'm', state: 'ready', memoryBytes: 5 }],
    requests: { running: 0, waiting: 0 },
    tokensPerSecond: null,
    memory: { totalBytes: 2, usedBytes: 1 },
    uptimeSeconds: 1.5,
    error: null,
  };
  expect(Object.keys(statusDocumentSchema.shape.hosts.element.shape)).toEqual(Object.keys(host));
  const document = { schemaVersion: 1, hosts: [host] };
  expect(statusDocumentSchema.parse(document)).toEqual(document);
  expect(statusDocumentSchema.safeParse({ schemaVersion: 1, hosts: [{ ...host, extra: 1 }] }).success).toBe(
    false,
  );
});

test('deploy and releases documents have exactly the contract’s fields', () => {
  expect(Object.keys(deployDocumentSchema.shape.hosts.element.shape)).toEqual([
    'name',
    'outcome',
    'release',
    'previous',
    'durationMs',
    'error',
  ]);
  const releases = releasesDocumentSchema.shape.hosts.element.shape.releases.element.shape;
  expect(Object.keys(releases)).toEqual(['id', 'version', 'createdAt', 'deployedBy', 'state', 'current']);
  const document = {
    schemaVersion: 1,
    hosts: [{ name: 'm1', outcome: 'unreachable', release: null, previous: null, durationMs: 8000, error }],
  };
  expect(deployDocumentSchema.parse(document)).toEqual(document);
});

test('only the contract’s states pass', () => {
  const outcomes = deployDocumentSchema.shape.hosts.element.shape.outcome.options;
  expect(outcomes).toEqual(['changed', 'unchanged', 'rolled-back', 'failed', 'skipped', 'unreachable']);
  expect(statusDocumentSchema.shape.hosts.element.shape.state.options).toEqual([
    'healthy',
    'starting',
    'degraded',
    'stopped',
    'not-installed',
    'unreachable',
  ]);
});
