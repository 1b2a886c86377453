import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import { makeFetchMedia } from './make-fetch-media.ts';
import { closedPort, serveHttp } from './test-support/loopback-servers.ts';
import { ANOTHER_PUBLIC, pretendInternet, PUBLIC } from './test-support/pretend-internet.ts';
import { refusalOf } from './test-support/refusal.ts';

const limits = { maxBytes: 1000, signal: new AbortController().signal };
const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const NOT_PUBLIC = 'its host cannot be found, or has an address that is not public';

const serveFile = () => serveHttp((_, response) => response.setHeader('content-type', 'image/png').end(PNG));
const serveRedirect = (location: string) =>
  serveHttp((_, response) => response.writeHead(302, { location }).end('moved'));

describe('a file on a public server', () => {
  test('is fetched by address and by name, with one question to DNS', async () => {
    const servers = { [`${PUBLIC}:80`]: await serveFile() };
    const { fetch, asked, dialled, sockets } = pretendInternet({ servers, names: { 'a.example': [PUBLIC] } });
    expect(await fetch(new URL(`http://${PUBLIC}/a.png`), limits)).toEqual(PNG);
    expect(await fetch(new URL('http://a.example/a.png'), limits)).toEqual(PNG);
    expect(asked).toEqual(['a.example']);
    expect(dialled).toEqual([`${PUBLIC}:80`, `${PUBLIC}:80`]);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  test('is asked for without a word about anybody, on a connection of its own', async () => {
    let seen: { url: string | undefined; headers: IncomingHttpHeaders } | undefined;
    const port = await serveHttp(({ url, headers }, response) => {
      seen = { url, headers };
      response.setHeader('set-cookie', 'id=1').end(PNG);
    });
    const { fetch } = pretendInternet({
      servers: { [`${PUBLIC}:80`]: port },
      names: { 'a.example': [PUBLIC] },
    });
    for (const _ of [1, 2]) {
      await fetch(new URL('http://a.example/a%20b.png?x=%0d%0ay#here'), limits);
      expect(seen).toEqual({
        url: '/a%20b.png?x=%0d%0ay',
        headers: {
          host: 'a.example',
          'user-agent': 'mlxfleet',
          accept: 'image/*, application/pdf',
          'accept-encoding': 'identity',
          connection: 'close',
        },
      });
    }
  });

  test('may be at the next address when the first refuses', async () => {
    const servers = { [`${ANOTHER_PUBLIC}:80`]: await serveFile() };
    const { fetch } = pretendInternet({ servers, names: { 'a.example': [PUBLIC, ANOTHER_PUBLIC] } });
    expect(await fetch(new URL('http://a.example/'), limits)).toEqual(PNG);
  });
});

describe('a host that is not public', () => {
  const hosts = `127.0.0.1 2130706433 0x7f000001 0177.0.0.1 127.1 0 0.0.0.0 [::] [::1] [::ffff:127.0.0.1]
    [::ffff:93.184.216.34] [::127.0.0.1] 169.254.169.254 [fd00:ec2::254] 100.100.100.200 10.0.0.1 172.16.0.1
    192.168.1.1 100.64.0.1 192.0.0.1 198.18.0.1 192.0.2.1 198.51.100.1 203.0.113.1 224.0.0.1 255.255.255.255
    [64:ff9b::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::] [fc00::1] [fec0::1] [fe80::1] [ff02::1] [2001:db8::1]
    localhost metadata.google.internal private.example metadata.example mixed.example unknown.example . 127.0.0.1.`;

  test.each(hosts.split(/\s+/))('%s is refused in the same words, unconnected', async (host) => {
    const { fetch, dialled } = pretendInternet({
      names: {
        'metadata.example': ['169.254.169.254'],
        'private.example': ['192.168.1.10'],
        'mixed.example': [PUBLIC, '192.168.1.10'],
      },
    });
    for (const scheme of ['http', 'https']) {
      const url = new URL(`${scheme}://${host}/secret?token=1`);
      const error = await refusalOf(fetch(url, limits));
      expect(error).toMatchObject({ status: 400, code: 'MEDIA_URL_REFUSED', param: null });
      expect(error.message).toBe(`The URL ${url.origin} was not fetched: ${NOT_PUBLIC}.`);
    }
    expect(dialled).toEqual([]);
  });

  test.each(['localhost', '127.0.0.1', '[::1]'])('%s is refused in production too', async (host) => {
    const error = await refusalOf(makeFetchMedia()(new URL(`http://${host}/`), limits));
    expect(error.message).toBe(`The URL http://${host} was not fetched: ${NOT_PUBLIC}.`);
  });

  test('an address of a network that this machine is on is refused, public or not', async () => {
    const fetch = makeFetchMedia({
      interfaces: () => ({
        en0: [
          {
            address: PUBLIC,
            netmask: '255.255.255.0',
            family: 'IPv4',
            mac: '00:00:00:00:00:00',
            internal: false,
            cidr: `${PUBLIC}/24`,
          },
        ],
      }),
    });
    const error = await refusalOf(fetch(new URL(`http://${ANOTHER_PUBLIC}/`), limits));
    expect(error.message).toContain(NOT_PUBLIC);
  });

  test('a name that is public when asked first and private afterwards leads to the first answer only', async () => {
    const servers = { [`${PUBLIC}:80`]: await serveFile() };
    const { fetch, asked, dialled } = pretendInternet({
      servers,
      names: { 'rebinding.example': [[PUBLIC], ['127.0.0.1']] },
    });
    expect(await fetch(new URL('http://rebinding.example/'), limits)).toEqual(PNG);
    expect(asked).toHaveLength(1);
    const error = await refusalOf(fetch(new URL('http://rebinding.example/'), limits));
    expect(error.message).toContain(NOT_PUBLIC);
    expect(dialled).toEqual([`${PUBLIC}:80`]);
  });

  test('a socket that turns out to be connected elsewhere is given up before anything is sent', async () => {
    let requests = 0;
    const port = await serveHttp((_, response) => {
      requests += 1;
      response.end(PNG);
    });
    const { fetch } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port }, shownAddress: '127.0.0.1' });
    const error = await refusalOf(fetch(new URL(`http://${PUBLIC}/`), limits));
    expect(error.message).toContain(NOT_PUBLIC);
    expect(requests).toBe(0);
  });
});

describe('a redirect', () => {
  test.each([
    ['http://127.0.0.1/', NOT_PUBLIC],
    ['http://[::ffff:10.0.0.1]/', NOT_PUBLIC],
    ['http://private.example/', NOT_PUBLIC],
    ['http://unknown.example/', NOT_PUBLIC],
    ['//2130706433/', NOT_PUBLIC],
    ['file:///etc/passwd', 'only http and https are allowed'],
    ['http://user:pass@a.example/', 'it must not hold a user name or a password'],
    ['http://a.example:11441/admin/status', 'only port 80 with http and port 443 with https are allowed'],
  ])('to %s is refused like a URL of the client, which alone is named', async (location, reason) => {
    const { fetch, dialled } = pretendInternet({
      servers: { [`${PUBLIC}:80`]: await serveRedirect(location) },
      names: { 'a.example': [PUBLIC], 'private.example': ['192.168.1.10'] },
    });
    const error = await refusalOf(fetch(new URL('http://a.example/secret?token=1'), limits));
    expect(error).toMatchObject({ status: 400, code: 'MEDIA_URL_REFUSED' });
    expect(error.message).toBe(`The URL http://a.example was not fetched (after a redirect): ${reason}.`);
    expect(dialled).toEqual([`${PUBLIC}:80`]);
  });

  test('to the same name is resolved and checked anew', async () => {
    const { fetch, dialled } = pretendInternet({
      servers: { [`${PUBLIC}:80`]: await serveRedirect('/again') },
      names: { 'rebinding.example': [[PUBLIC], ['127.0.0.1']] },
    });
    const error = await refusalOf(fetch(new URL('http://rebinding.example/'), limits));
    expect(error.message).toContain(NOT_PUBLIC);
    expect(dialled).toHaveLength(1);
  });

  test('is followed three times, and not a fourth time', async () => {
    const port = await serveHttp(({ url }, response) => {
      const left = Number(url?.slice(1));
      if (left === 0) response.end(PNG);
      else response.writeHead(307, { location: `/${String(left - 1)}` }).end();
    });
    const { fetch, dialled } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port } });
    expect(await fetch(new URL(`http://${PUBLIC}/3`), limits)).toEqual(PNG);
    expect(dialled).toHaveLength(4);
    const error = await refusalOf(fetch(new URL(`http://${PUBLIC}/4`), limits));
    expect(error.message).toContain('it redirects more than 3 times');
    expect(dialled).toHaveLength(8);
  });

  test('to itself ends', async () => {
    const servers = { [`${PUBLIC}:80`]: await serveRedirect('/') };
    const error = await refusalOf(pretendInternet({ servers }).fetch(new URL(`http://${PUBLIC}/`), limits));
    expect(error).toMatchObject({ status: 400, code: 'MEDIA_URL_FAILED' });
  });
});

describe('what a client is told', () => {
  test('of a public server without such a service', async () => {
    const { fetch } = pretendInternet({ servers: { [`${ANOTHER_PUBLIC}:80`]: await closedPort() } });
    for (const host of [PUBLIC, ANOTHER_PUBLIC]) {
      const error = await refusalOf(fetch(new URL(`http://${host}/`), limits));
      expect(error).toMatchObject({ status: 400, code: 'MEDIA_URL_FAILED' });
      expect(error.message).toBe(`The URL http://${host} was not fetched: its server takes no connection.`);
    }
  });

  test('of other schemes, without what stands in them', async () => {
    const { fetch } = pretendInternet();
    for (const url of ['file:///etc/passwd', 'data:text/plain,secret', 'gopher://127.0.0.1/secret']) {
      const error = await refusalOf(fetch(new URL(url), limits));
      expect(error).toMatchObject({ status: 400, code: 'MEDIA_URL_REFUSED' });
      expect(error.message).not.toMatch(/secret|passwd/);
    }
  });

  test('of a status, and never of a body', async () => {
    const port = await serveHttp((_, response) => response.writeHead(403).end('secret'));
    const { fetch } = pretendInternet({ servers: { [`${PUBLIC}:80`]: port } });
    const error = await refusalOf(fetch(new URL(`http://${PUBLIC}/`), limits));
    expect(error.message).toBe(
      `The URL http://${PUBLIC} was not fetched: its server answers with status 403.`,
    );
  });
});
