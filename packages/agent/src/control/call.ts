import net from 'node:net';
import { field } from '../field.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface CallOptions {
  /** Unix socket, or host and port. */
  readonly target: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a POST when given. */
  readonly json?: unknown;
  /** For the whole call, milliseconds. */
  readonly timeoutMs: number;
  /** Called with each piece of the answer as it arrives. */
  readonly onText?: (text: string) => void;
}

/**
 * One HTTP call; rejects when the peer cannot be reached or takes too long. Written on a bare socket: loading node:http
 * takes longer than everything else that this program does. HTTP/1.0, so that the answer ends with the connection and
 * is never chunked.
 */
export async function call(options: CallOptions): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { target } = options;
  const socket =
    'socketPath' in target ? net.connect(target.socketPath) : net.connect(target.port, target.host);
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no answer within ${String(options.timeoutMs / 1000)} s`));
  }, options.timeoutMs);
  let head: string | null = null;
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (piece: string) => {
    text += piece;
    let news = piece;
    if (head === null) {
      const end = text.indexOf(HEAD_END);
      if (end === -1) return;
      head = text.slice(0, end);
      text = text.slice(end + HEAD_END.length);
      news = text;
    }
    options.onText?.(news);
  });
  socket.on('end', () => {
    const status = /^HTTP\/1\.\d (\d{3})/.exec(head ?? '')?.[1];
    if (status === undefined) reject(new Error('the answer is not HTTP'));
    else resolve({ status: Number(status), body: text });
  });
  socket.on('error', reject);
  socket.on('close', () => {
    clearTimeout(timer);
    reject(new Error('the connection was closed'));
  });
  socket.write(requestText(options));
  return await promise;
}

const HEAD_END = '\r\n\r\n';

function requestText({ headers, json, path }: CallOptions): string {
  const payload = json === undefined ? '' : JSON.stringify(json);
  const all: Record<string, string> = { ...headers, host: 'localhost' };
  if (json !== undefined) {
    all['content-type'] = 'application/json';
    all['content-length'] = String(Buffer.byteLength(payload));
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${json === undefined ? 'GET' : 'POST'} ${path} HTTP/1.0\r\n${lines.join('')}\r\n${payload}`;
}

/** The text as JSON; null when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The message of an error body in OpenAI's shape. */
export function errorMessage(answer: Answer): string {
  const message = field(field(parseJson(answer.body), 'error'), 'message');
  return typeof message === 'string' ? message : `status ${String(answer.status)}`;
}
