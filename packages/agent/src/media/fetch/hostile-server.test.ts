import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { FetchTimes } from './fetch-watch.ts';
import { makeFetchMedia } from './make-fetch-media.ts';
import { dribble, serveHttp, serveRaw } from './test-support/loopback-servers.ts';
import { pretendInternet, PUBLIC } from './test-support/pretend-internet.ts';
import { refusalOf } from './test-support/refusal.ts';

const url = new URL(`http://${PUBLIC}/a.png`);
const { signal } = new AbortController();
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n';

function fetchFrom(port: number, times: Partial<FetchTimes> = {}, stop = signal) {
  const { fetch } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port }, times });
  return fetch(url, { maxBytes: 1000, signal: stop });
}

const SLOW = { status: 400, code: 'MEDIA_URL_TIMEOUT' };
const FAILED = { status: 400, code: 'MEDIA_URL_FAILED' };
const LARGE = { status: 413, code: 'MEDIA_TOO_LARGE' };

describe('time', () => {
  test.each([
    ['headers', 'x-more: 1\r\n'],
    ['a body', 'x'],
    ['interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ])('%s in small pieces are cut off at the whole time', async (what, piece) => {
    const port = await serveRaw((socket) => {
      if (what === 'headers') socket.write(HEAD);
      if (what === 'a body') socket.write(`${HEAD}\r\n`);
      dribble(socket, piece, 10);
    });
    const error = await refusalOf(fetchFrom(port, { totalMs: 150 }));
    expect(error).toMatchObject(SLOW);
    expect(error.message).toContain('it took longer than 0.15 seconds');
  });

  test.each([
    ['at once', ''],
    ['within the headers', HEAD],
    ['within the body', `${HEAD}content-length: 10\r\n\r\nxx`],
  ])('a server that falls silent %s is given up after the idle time', async (_, start) => {
    const port = await serveRaw((socket) => socket.write(start));
    const error = await refusalOf(fetchFrom(port, { idleMs: 50 }));
    expect(error).toMatchObject(SLOW);
    expect(error.message).toContain('its server sent nothing for 0.05 seconds');
  });

  test('DNS that never answers is given up', async () => {
    const fetch = makeFetchMedia({
      resolve: () => new Promise(() => {}),
      times: { totalMs: 50, idleMs: 1000, connectMs: 1000 },
    });
    const fetching = fetch(new URL('http://a.example/'), { maxBytes: 1000, signal });
    expect(await refusalOf(fetching)).toMatchObject(SLOW);
  });

  test('redirects do not make the whole time longer', async () => {
    const port = await serveHttp((_, response) => {
      setTimeout(() => response.writeHead(302, { location: '/' }).end(), 40);
    });
    expect(await refusalOf(fetchFrom(port, { totalMs: 100 }))).toMatchObject(SLOW);
  });
});

describe('size', () => {
  test('an endless body is read up to the limit', async () => {
    let sent = 0;
    let isClosed = false;
    const port = await serveRaw((socket) => {
      socket.write(`${HEAD}\r\n`);
      const piece = Buffer.alloc(100_000);
      const more = () => {
        while (!socket.destroyed && socket.write(piece)) sent += piece.length;
      };
      socket.on('drain', more);
      socket.once('close', () => {
        isClosed = true;
      });
      more();
    });
    expect(await refusalOf(fetchFrom(port))).toMatchObject(LARGE);
    await expect.poll(() => isClosed).toBe(true);
    // What sockets buffer on both sides, and no more.
    expect(sent).toBeLessThan(50_000_000);
  });

  test('endless chunks and endless headers too', async () => {
    const chunks = await serveRaw((socket) => {
      socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
      dribble(socket, `64\r\n${'x'.repeat(100)}\r\n`, 1);
    });
    expect(await refusalOf(fetchFrom(chunks))).toMatchObject(LARGE);
    const headers = await serveRaw((socket) => {
      socket.write(HEAD);
      dribble(socket, `x-more: ${'x'.repeat(2000)}\r\n`, 1);
    });
    expect(await refusalOf(fetchFrom(headers))).toMatchObject(FAILED);
  });

  test('the limit itself is allowed, one byte more is not', async () => {
    const port = await serveHttp(({ url: path }, response) => {
      // In chunks, so that no length is announced.
      response.write('x'.repeat(999));
      response.end(path === '/more' ? 'xx' : 'x');
    });
    expect(await fetchFrom(port)).toHaveLength(1000);
    const { fetch } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port } });
    const fetching = fetch(new URL('/more', url), { maxBytes: 1000, signal });
    expect(await refusalOf(fetching)).toMatchObject(LARGE);
  });

  test('chunks of any size make one body', async () => {
    const sizes = [1, 1, 70_000, 3, 150_000];
    const port = await serveHttp((_, response) => {
      for (const [index, size] of sizes.entries()) response.write(Buffer.alloc(size, index));
      response.end();
    });
    const { fetch } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port } });
    const body = await fetch(url, { maxBytes: 1_000_000, signal });
    expect(Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index))).equals(body)).toBe(true);
  });

  test('a body that is announced as too large is not read, and its connection closed', async () => {
    let isClosed = false;
    const port = await serveRaw((socket) => {
      socket.write(`${HEAD}content-length: 1001\r\n\r\n`);
      socket.once('close', () => {
        isClosed = true;
      });
    });
    expect(await refusalOf(fetchFrom(port))).toMatchObject(LARGE);
    await expect.poll(() => isClosed).toBe(true);
  });

  test('a body that is shorter than announced is refused', async () => {
    const port = await serveRaw((socket) => socket.end(`${HEAD}content-length: 100\r\n\r\nxxxxx`));
    expect(await refusalOf(fetchFrom(port))).toMatchObject(FAILED);
    const chunked = await serveRaw((socket) =>
      socket.end(`${HEAD}transfer-encoding: chunked\r\n\r\n5\r\nxxxxx\r\n`),
    );
    expect(await refusalOf(fetchFrom(chunked))).toMatchObject(FAILED);
  });

  test('what follows the announced length is not read', async () => {
    const port = await serveRaw((socket) =>
      socket.end(`${HEAD}content-length: 5\r\n\r\n${'x'.repeat(5000)}`),
    );
    expect(await fetchFrom(port)).toHaveLength(5);
  });
});

describe('answers', () => {
  test.each(['gzip', 'deflate', 'br', 'zstd', 'x-unknown'])('%s is refused unread', async (encoding) => {
    const port = await serveHttp((_, response) =>
      response.setHeader('content-encoding', encoding).end(gzipSync(Buffer.alloc(100_000))),
    );
    const error = await refusalOf(fetchFrom(port));
    expect(error).toMatchObject(FAILED);
    expect(error.message).toContain('compresses');
  });

  test('a type that is neither image nor PDF is refused, none is not', async () => {
    const port = await serveHttp(({ url: path }, response) => {
      if (path === '/page') response.setHeader('content-type', 'text/html');
      response.end('x');
    });
    const { fetch } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port } });
    expect(await fetch(url, { maxBytes: 1000, signal })).toHaveLength(1);
    const fetching = fetch(new URL('/page', url), { maxBytes: 1000, signal });
    expect(await refusalOf(fetching)).toMatchObject(FAILED);
  });

  test.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['two lengths', `${HEAD}content-length: 5\r\ncontent-length: 6\r\n\r\nxxxxx`],
    ['a length and chunks', `${HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a broken redirect', 'HTTP/1.1 302 Found\r\nlocation: http://\r\n\r\n'],
    ['nothing', ''],
  ])('%s is a failure of the server', async (_, answer) => {
    const port = await serveRaw((socket) => socket.end(answer));
    const error = await refusalOf(fetchFrom(port));
    expect(error).toMatchObject(FAILED);
    expect(error.message).not.toContain('SSH');
  });
});

describe('the signal of the caller', () => {
  const reason = new Error('the client went away');

  test('ends a fetch before it begins, and while DNS is asked', async () => {
    const { fetch, dialled } = pretendInternet();
    await expect(fetch(url, { maxBytes: 1000, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(dialled).toEqual([]);
    const controller = new AbortController();
    const waiting = makeFetchMedia({ resolve: () => new Promise(() => {}) })(new URL('http://a.example/'), {
      maxBytes: 1000,
      signal: controller.signal,
    });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test('ends a fetch while it connects', async () => {
    const controller = new AbortController();
    const fetch = makeFetchMedia({
      dial: (_address, _port, options) =>
        new Promise((_, reject) => {
          options.signal.addEventListener('abort', () => reject(new Error('aborted')));
          controller.abort(reason);
        }),
    });
    await expect(fetch(url, { maxBytes: 1000, signal: controller.signal })).rejects.toBe(reason);
  });

  test.each([
    ['before the answer', ''],
    ['within the headers', HEAD],
    ['within the body', `${HEAD}content-length: 10\r\n\r\nxx`],
  ])('ends a fetch %s, and its connection', async (_, start) => {
    const controller = new AbortController();
    let isClosed = false;
    const port = await serveRaw((socket) => {
      socket.write(start);
      socket.once('close', () => {
        isClosed = true;
      });
      setTimeout(() => controller.abort(reason), 20);
    });
    await expect(fetchFrom(port, {}, controller.signal)).rejects.toBe(reason);
    await expect.poll(() => isClosed).toBe(true);
  });
});
