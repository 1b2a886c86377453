import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalHost } from './local-host.ts';

let folder: string;
const host = new LocalHost('here');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlxfleet-local-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('run', () => {
  test('tells lines of both streams, the exit code, and a last line without an end', async () => {
    const lines: string[] = [];
    const result = await host.run('echo one; echo oops >&2; printf two; exit 3\n', {
      onLine: (line) => lines.push(`out ${line}`),
      onErrorLine: (line) => lines.push(`err ${line}`),
    });
    expect(result).toEqual({ exitCode: 3, stdout: 'one\ntwo\n', stderr: 'oops\n' });
    expect(lines.toSorted()).toEqual(['err oops', 'out one', 'out two']);
  });

  test('holds stdin open until the abort, then waits for the script to put things back', async () => {
    const controller = new AbortController();
    const mark = join(folder, 'undone');
    const running = host.run(`echo up; cat >/dev/null; sleep 0.2; echo undone >'${mark}'\n`, {
      holdStdin: true,
      signal: controller.signal,
      onLine: () => controller.abort(new Error('stop')),
    });
    await expect(running).rejects.toThrow('stop');
    expect(await readFile(mark, 'utf8')).toBe('undone\n');
  });

  test('cuts a script off that cannot be told', async () => {
    const controller = new AbortController();
    const began = performance.now();
    const running = host.run('echo up; exec sleep 30\n', {
      signal: controller.signal,
      onLine: () => controller.abort(new Error('stop')),
    });
    await expect(running).rejects.toThrow('stop');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('does not wait for what a script leaves in the background', async () => {
    const began = performance.now();
    const { exitCode, stdout } = await host.run('sleep 30 & echo $!; exit 0\n');
    process.kill(Number(stdout));
    expect(exitCode).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe('upload', () => {
  test('to where no folder can be made is an error of its host', async () => {
    const source = join(folder, 'plain');
    await writeFile(source, 'x');
    await expect(host.upload(source, join(source, 'inside'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
    });
  });

  test('makes the part, privately, and goes on where it stopped', async () => {
    const source = join(folder, 'source');
    await writeFile(source, 'hello world');
    const target = join(folder, 'deep/er/target');
    const progress: number[] = [];
    await host.upload(source, target, { onProgress: (sent) => progress.push(sent) });
    expect(await readFile(`${target}.part`, 'utf8')).toBe('hello world');
    expect((await stat(`${target}.part`)).mode & 0o777).toBe(0o600);
    expect(progress).toEqual([11]);
    await writeFile(source, 'hello world, again');
    await host.upload(source, target, { offset: 11 });
    expect(await readFile(`${target}.part`, 'utf8')).toBe('hello world, again');
  });

  test('makes one file of two uploads of it at the same time', async () => {
    const source = join(folder, 'source');
    await writeFile(source, 'of both '.repeat(100_000));
    const target = join(folder, 'both');
    await Promise.all([host.upload(source, target), host.upload(source, target)]);
    expect(await readFile(`${target}.part`, 'utf8')).toBe(await readFile(source, 'utf8'));
  });

  test('refuses when the part is shorter than the caller thinks', async () => {
    const source = join(folder, 'source');
    await writeFile(source, 'hello');
    await expect(host.upload(source, join(folder, 'target'), { offset: 3 })).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
    });
  });
});

describe('streams', () => {
  let server: Server;

  afterEach(async () => {
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  test('reach a Unix socket and a port of loopback', async () => {
    const socket = join(folder, 'socket');
    server = createServer((connection) => connection.end('hello'));
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
    expect(await text(await host.openUnixSocket(socket))).toBe('hello');
    await expect(host.openUnixSocket(join(folder, 'none'))).rejects.toMatchObject({
      code: 'AGENT_UNHEALTHY',
    });
    await expect(host.openLoopbackPort(1)).rejects.toMatchObject({ code: 'AGENT_UNHEALTHY' });
  });
});

test('is of no use once closed', async () => {
  const closed = new LocalHost('here');
  await closed.close();
  await expect(closed.run('true\n')).rejects.toMatchObject({ code: 'HOST_CLOSED' });
});
