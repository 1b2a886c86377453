import { expect, test } from 'vitest';
import { checkedTarget, redirectTarget } from './checked-url.ts';

test.each([
  ['http://a.example/x?y', { host: 'a.example', port: 80, secure: false }],
  ['https://A.example.:443/', { host: 'a.example', port: 443, secure: true }],
  ['http://[2606:4700::1]:80/', { host: '2606:4700::1', port: 80, secure: false }],
  ['http://2130706433/', { host: '127.0.0.1', port: 80, secure: false }],
])('%s is taken apart', (url, target) => {
  expect(checkedTarget(new URL(url))).toMatchObject(target);
});

test.each([
  ['ftp://a.example/', 'only http and https'],
  ['file:///etc/passwd', 'only http and https'],
  ['data:image/png;base64,AA', 'only http and https'],
  ['http://user@a.example/', 'user name'],
  ['http://:secret@a.example/', 'user name'],
  ['http://93.184.216.34@127.0.0.1/', 'user name'],
  ['http://a.example:443/', 'port'],
  ['https://a.example:80/', 'port'],
  ['http://a.example:8080/', 'port'],
  ['http://a.example:0/', 'port'],
  [`http://a.example/${'x'.repeat(8000)}`, 'longer than 8000'],
])('%.60s is refused', (url, reason) => {
  expect(() => checkedTarget(new URL(url))).toThrow(
    expect.objectContaining({ kind: 'refused', message: expect.stringContaining(reason) }),
  );
});

test.each([
  ['/b', 'https://a.example/b'],
  ['//b.example/c', 'https://b.example/c'],
  ['https://b.example', 'https://b.example/'],
])('a redirect to %s', (location, url) => {
  const from = checkedTarget(new URL('https://a.example/x'));
  expect(redirectTarget(location, from).url.href).toBe(url);
});

test.each([
  ['http://a.example/', 'refused', 'from https to http'],
  ['file:///etc/passwd', 'refused', 'only http and https'],
  ['https://a.example:8443/', 'refused', 'port'],
  ['https://a@b.example/', 'refused', 'user name'],
  ['https://', 'failed', 'no URL'],
])('a redirect to %s goes nowhere', (location, kind, reason) => {
  const from = checkedTarget(new URL('https://a.example/x'));
  expect(() => redirectTarget(location, from)).toThrow(
    expect.objectContaining({ kind, message: expect.stringContaining(reason) }),
  );
});
