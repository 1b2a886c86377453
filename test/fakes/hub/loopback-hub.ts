import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';

const COMMIT = 'c0ffee'.padEnd(40, '0');
/** Bytes of a file that are given before it is held back. */
const FIRST_BYTES = 1000;

interface HubFile {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** A hub on loopback with the routes that huggingface_hub asks for; HF_ENDPOINT leads there. */
export interface LoopbackHub {
  readonly url: string;
  /** Requests that were made, as `GET /path`. */
  readonly requests: readonly string[];
  /** From now on weights stop after their first bytes, until the function that it answers is called. */
  hold(): () => void;
  /** Has the hub claim this size of the weights. */
  claim(bytes: number): void;
  close(): Promise<void>;
}

/** @param models id to a folder with its files. */
export async function startLoopbackHub(models: Readonly<Record<string, string>>): Promise<LoopbackHub> {
  const repositories = new Map<string, ReadonlyMap<string, HubFile>>();
  for (const [id, folder] of Object.entries(models)) repositories.set(id, await readFiles(folder));
  const requests: string[] = [];
  let held: Promise<void> = Promise.resolve();
  let claimed: number | null = null;

  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://hub');
    requests.push(`${request.method ?? ''} ${url.pathname}`);
    const [, api, id = '', rest = ''] =
      /^(\/api\/models)?\/([^/]+\/[^/]+)(?:\/(.*))?$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const files = repositories.get(id);
    if (files === undefined) {
      response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end();
      return;
    }
    if (api !== undefined) {
      const body = rest.startsWith('tree/') ? tree(files) : about(id, files, claimed);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return;
    }
    const name = rest.replace(/^resolve\/[^/]+\//, '');
    const file = files.get(name);
    if (file === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-repo-commit': COMMIT }).end();
      return;
    }
    response.writeHead(200, {
      'content-length': file.bytes.length,
      etag: `"${file.sha256}"`,
      'x-repo-commit': COMMIT,
    });
    if (request.method === 'HEAD') response.end();
    else void send(response, file.bytes, isWeights(name) ? held : Promise.resolve());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`,
    requests,
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    claim: (bytes) => {
      claimed = bytes;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function send(response: http.ServerResponse, bytes: Buffer, held: Promise<void>): Promise<void> {
  response.write(bytes.subarray(0, FIRST_BYTES));
  await held;
  response.end(bytes.subarray(FIRST_BYTES));
}

async function readFiles(folder: string): Promise<ReadonlyMap<string, HubFile>> {
  const names = await readdir(folder);
  const files = await Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(path.join(folder, name));
      return [name, { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }] as const;
    }),
  );
  return new Map(files);
}

function about(id: string, files: ReadonlyMap<string, HubFile>, claimed: number | null): object {
  return {
    id,
    sha: COMMIT,
    siblings: Array.from(files, ([rfilename, { bytes, sha256 }]) => {
      const size = isWeights(rfilename) ? (claimed ?? bytes.length) : bytes.length;
      return { rfilename, size, blobId: sha256, lfs: { size, sha256, pointerSize: 100 } };
    }),
  };
}

function tree(files: ReadonlyMap<string, HubFile>): object[] {
  return Array.from(files, ([file, { bytes, sha256 }]) => ({
    type: 'file',
    path: file,
    size: bytes.length,
    oid: sha256,
    lfs: { size: bytes.length, oid: sha256, pointerSize: 100 },
  }));
}

function isWeights(name: string): boolean {
  return name.endsWith('.safetensors');
}
