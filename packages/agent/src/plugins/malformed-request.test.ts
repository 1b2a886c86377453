import { once } from 'node:events';
import net from 'node:net';
import { openAiErrorSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { answerMalformed } from './malformed-request.ts';

/** What a client reads when Node's parser has failed so. */
async function answer(code: string): Promise<{ status: string; body: unknown }> {
  const server = net.createServer((socket) => {
    answerMalformed(code, socket);
    answerMalformed(code, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = net.connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
  let text = '';
  for await (const piece of client.setEncoding('utf8')) text += String(piece);
  server.close();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: head.split('\r\n', 1)[0] ?? '', body: JSON.parse(body) };
}

test.each([
  ['HPE_INVALID_METHOD', 'HTTP/1.1 400 Bad Request', 'bad_request'],
  ['HPE_HEADER_OVERFLOW', 'HTTP/1.1 431 Request Header Fields Too Large', 'headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'HTTP/1.1 408 Request Timeout', 'request_not_received'],
])('%s is answered once, with %s', async (parserCode, status, code) => {
  const told = await answer(parserCode);
  expect(told.status).toBe(status);
  expect(openAiErrorSchema.parse(told.body).error.code).toBe(code);
});
