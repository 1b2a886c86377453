import { TLSSocket } from 'node:tls';
import { afterEach, expect, test, vi } from 'vitest';
import { field } from '../../field.ts';
import { makeFetchMedia } from './make-fetch-media.ts';
import { dialTcp } from './dial.ts';
import { serveHttp, serveHttps, serveRaw } from './test-support/loopback-servers.ts';
import { CERTIFIED_PUBLIC, pretendInternet, PUBLIC } from './test-support/pretend-internet.ts';
import { refusalOf } from './test-support/refusal.ts';

const limits = { maxBytes: 1000, signal: new AbortController().signal };
const names = { 'pictures.example': [PUBLIC], 'other.example': [PUBLIC] };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('the certificate is compared with the name in the URL, though an address is connected to', async () => {
  let asked: unknown;
  const port = await serveHttps((request, response) => {
    const { socket, headers } = request;
    asked = [socket instanceof TLSSocket && field(socket, 'servername'), headers.host];
    response.end('x');
  });
  const { fetch } = pretendInternet({ names, servers: { [`${PUBLIC}:443`]: port } });
  expect(await fetch(new URL('https://pictures.example./'), limits)).toHaveLength(1);
  expect(asked).toEqual(['pictures.example', 'pictures.example.']);
});

test('an address in the URL has to stand in the certificate', async () => {
  const port = await serveHttps((_, response) => response.end('x'));
  const servers = { [`${CERTIFIED_PUBLIC}:443`]: port, [`${PUBLIC}:443`]: port };
  const { fetch } = pretendInternet({ servers });
  expect(await fetch(new URL(`https://${CERTIFIED_PUBLIC}/`), limits)).toHaveLength(1);
  const error = await refusalOf(fetch(new URL(`https://${PUBLIC}/`), limits));
  expect(error.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('a certificate of another name, or of nobody who is trusted, is refused, whatever the environment says', async () => {
  let requests = 0;
  const port = await serveHttps((_, response) => {
    requests += 1;
    response.end('x');
  });
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  // Node warns of the setting.
  vi.spyOn(process, 'emitWarning').mockReturnValue();
  const { fetch, sockets } = pretendInternet({ names, servers: { [`${PUBLIC}:443`]: port } });
  const misnamed = await refusalOf(fetch(new URL('https://other.example/'), limits));
  expect(misnamed).toMatchObject({ status: 400, code: 'MEDIA_URL_FAILED' });
  expect(misnamed.message).toBe(
    'The URL https://other.example was not fetched: TLS with its server fails with ERR_TLS_CERT_ALTNAME_INVALID.',
  );
  await expect.poll(() => sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
  const trusting = makeFetchMedia({
    resolve: async () => [PUBLIC],
    dial: async (address, _, options) => ({
      ...(await dialTcp('127.0.0.1', port, options)),
      remoteAddress: address,
    }),
  });
  const untrusted = await refusalOf(trusting(new URL('https://pictures.example/'), limits));
  expect(untrusted.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  expect(requests).toBe(0);
});

test('proxies that the environment names are not used', async () => {
  let proxied = 0;
  const proxy = await serveRaw(() => {
    proxied += 1;
  }, 'connected');
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY']) {
    vi.stubEnv(name, `http://127.0.0.1:${String(proxy)}`);
  }
  vi.stubEnv('NODE_USE_ENV_PROXY', '1');
  const { fetch } = pretendInternet({
    names,
    servers: {
      [`${PUBLIC}:443`]: await serveHttps((_, response) => response.end('x')),
      [`${PUBLIC}:80`]: await serveHttp((_, response) => response.end('x')),
    },
  });
  for (const scheme of ['http', 'https']) {
    expect(await fetch(new URL(`${scheme}://pictures.example/`), limits)).toHaveLength(1);
  }
  expect(proxied).toBe(0);
});

test('http may lead to https, and https not back', async () => {
  const { fetch, dialled } = pretendInternet({
    names,
    servers: {
      [`${PUBLIC}:80`]: await serveHttp((_, response) =>
        response.writeHead(301, { location: 'https://pictures.example/' }).end(),
      ),
      [`${PUBLIC}:443`]: await serveHttps((request, response) => {
        if (request.url === '/') response.end('x');
        else response.writeHead(301, { location: 'http://pictures.example/' }).end();
      }),
    },
  });
  expect(await fetch(new URL('http://pictures.example/'), limits)).toHaveLength(1);
  const error = await refusalOf(fetch(new URL('https://pictures.example/back'), limits));
  expect(error).toMatchObject({ status: 400, code: 'MEDIA_URL_REFUSED' });
  expect(error.message).toContain('it leads from https to http');
  expect(dialled).toHaveLength(3);
});

test('a server that speaks no TLS, closes or falls silent is a failure in time', async () => {
  const plain = await serveHttp((_, response) => response.end('x'));
  const closing = await serveRaw((socket) => socket.end(), 'connected');
  const silent = await serveRaw(() => {}, 'connected');
  for (const [port, code] of [
    [plain, 'MEDIA_URL_FAILED'],
    [closing, 'MEDIA_URL_FAILED'],
    [silent, 'MEDIA_URL_TIMEOUT'],
  ] as const) {
    const servers = { [`${PUBLIC}:443`]: port };
    const { fetch } = pretendInternet({ names, servers, times: { idleMs: 300 } });
    expect(await refusalOf(fetch(new URL('https://pictures.example/'), limits))).toMatchObject({ code });
  }
});

test('the signal of the caller ends a handshake, and its connection', async () => {
  const controller = new AbortController();
  const reason = new Error('the client went away');
  let isClosed = false;
  const port = await serveRaw((socket) => {
    socket.once('close', () => {
      isClosed = true;
    });
    controller.abort(reason);
  });
  const { fetch } = pretendInternet({ names, servers: { [`${PUBLIC}:443`]: port } });
  const fetching = fetch(new URL('https://pictures.example/'), { ...limits, signal: controller.signal });
  await expect(fetching).rejects.toBe(reason);
  await expect.poll(() => isClosed).toBe(true);
});
