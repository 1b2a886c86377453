import http from 'node:http';

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

/** One HTTP call; rejects when the peer cannot be reached or takes too long. */
export async function call(options: CallOptions): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const payload = options.json === undefined ? null : JSON.stringify(options.json);
  const request = http.request(
    {
      ...options.target,
      path: options.path,
      method: payload === null ? 'GET' : 'POST',
      agent: false,
      signal: AbortSignal.timeout(options.timeoutMs),
      headers: {
        ...options.headers,
        host: 'localhost',
        ...(payload === null
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      },
    },
    (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
        options.onText?.(text);
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
      response.on('error', reject);
    },
  );
  request.on('error', reject);
  request.end(payload);
  return await promise;
}

/** An object's field, whatever the value is; undefined when it has none. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map<string, unknown>(Object.entries(value)).get(name);
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
