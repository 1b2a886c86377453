import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { baseApp, type BaseAppOptions } from './base-app.ts';
import { eventually } from './test-support/test-agent.ts';

type App = ReturnType<typeof baseApp>;

let apps: App[] = [];
afterEach(async () => {
  for (const app of apps) app.server.closeAllConnections();
  await Promise.all(apps.map(async (app) => await app.close()));
  apps = [];
});

/** Far more than the buffers of a connection take. */
const LARGE = 'x'.repeat(32 * 1024 * 1024);
const UNREAD_MS = 400;

async function start(options: BaseAppOptions, routes: (app: App) => void = () => {}): Promise<number> {
  const app = baseApp(pino({ level: 'silent' }), options);
  apps.push(app);
  routes(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function connect(port: number, head: string): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(head);
  return socket;
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
}

async function everything(socket: net.Socket): Promise<string> {
  let text = '';
  for await (const piece of socket.setEncoding('utf8')) text += String(piece);
  return text;
}

describe('an answer', () => {
  test('that nobody reads ends', async () => {
    let closed = false;
    const port = await start({ unreadMs: UNREAD_MS }, (app) => {
      app.get('/large', async (_, reply) => {
        reply.raw.once('close', () => {
          closed = true;
        });
        return LARGE;
      });
    });
    const socket = await connect(port, get('/large'));
    socket.pause();
    await eventually(() => closed, 'the answer is dropped');
    socket.destroy();
    expect(closed).toBe(true);
  });

  test('that nobody reads ends while it is still being made', async () => {
    let closed = false;
    const port = await start({ unreadMs: UNREAD_MS }, (app) => {
      app.get('/stream', (_, reply) => {
        reply.hijack();
        reply.raw.write(LARGE);
        const heartbeat = setInterval(() => reply.raw.write(': waiting\n\n'), UNREAD_MS / 8);
        reply.raw.once('close', () => {
          closed = true;
          clearInterval(heartbeat);
        });
      });
    });
    const socket = await connect(port, get('/stream'));
    socket.pause();
    await eventually(() => closed, 'the stream is dropped');
    socket.destroy();
    expect(closed).toBe(true);
  });

  test('may take long to begin, and on a connection that is used again', async () => {
    const port = await start({ unreadMs: UNREAD_MS }, (app) => {
      app.get('/late', async () => {
        await sleep(UNREAD_MS * 3);
        return 'late';
      });
    });
    const socket = await connect(port, get('/late'));
    const pieces: string[] = [];
    socket.setEncoding('utf8').on('data', (piece: string) => pieces.push(piece));
    const answers = (): number => pieces.join('').split('\r\n\r\nlate').length - 1;
    await eventually(() => answers() === 1, 'the first answer');
    socket.write(get('/late'));
    await eventually(() => answers() === 2, 'the second answer');
    socket.destroy();
    expect(answers()).toBe(2);
  });

  test('goes on while its client reads, however slowly', async () => {
    const port = await start({ unreadMs: UNREAD_MS }, (app) => {
      app.get('/large', async () => LARGE);
    });
    const socket = await connect(port, get('/large'));
    let bytes = 0;
    const begun = performance.now();
    for await (const piece of socket) {
      bytes += Buffer.isBuffer(piece) ? piece.length : 0;
      if (bytes >= LARGE.length) break;
      // Four times the limit in all.
      await sleep(Math.max(0, (bytes / LARGE.length) * UNREAD_MS * 4 - (performance.now() - begun)));
    }
    expect(bytes).toBeGreaterThanOrEqual(LARGE.length);
    expect(performance.now() - begun).toBeGreaterThan(UNREAD_MS * 3);
  });

  test('of heartbeats goes on', async () => {
    const port = await start({ unreadMs: UNREAD_MS }, (app) => {
      app.get('/stream', (_, reply) => {
        reply.hijack();
        let beats = 0;
        const heartbeat = setInterval(() => {
          beats += 1;
          if (beats < 8) reply.raw.write(': waiting\n\n');
          else {
            clearInterval(heartbeat);
            reply.raw.end('the end');
          }
        }, UNREAD_MS / 2);
      });
    });
    const head = 'GET /stream HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
    expect(await everything(await connect(port, head))).toContain('the end');
  });
});

test('connections beyond the most are closed, and there is room again when one has ended', async () => {
  const port = await start({ mostConnections: 2 }, (app) => {
    app.get('/', async () => 'here');
  });
  const first = await connect(port, '');
  const second = await connect(port, '');
  expect(await everything(await connect(port, get('/')))).toBe('');
  first.destroy();
  await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}/`).catch(() => null);
    return answer?.status === 200;
  }, 'there is room');
  second.destroy();
});

describe('what never becomes a request is answered', () => {
  test.each([
    ['nonsense', 'nonsense\r\n\r\n', /^HTTP\/1\.1 400 Bad Request\r\n[^]*"bad_request"/],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n[^]*"headers_too_large"/,
    ],
  ])('%s', async (_, bytes, answer) => {
    expect(await everything(await connect(await start({}), bytes))).toMatch(answer);
  });
});
