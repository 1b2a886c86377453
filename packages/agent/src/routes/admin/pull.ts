import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AdminPullEvent, adminPullRequestSchema } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import type { ApiError } from '../../api-error.ts';
import { diskBytes } from '../../models/catalog/disk-bytes.ts';
import { weightlessModel } from '../../models/catalog/model-not-found.ts';
import { downloadFailed, DownloadFailure } from '../../models/downloads/download-failure.ts';
import type { Download } from '../../models/downloads/downloader.ts';
import type { ModelPool, Pull } from '../../models/model-pool.ts';
import { asApiError } from '../../models/runtime/model-errors.ts';
import { parseBody } from '../parse-body.ts';

/** Milliseconds between two lines: a person looks at them, and they show that the connection lives. */
const TELL_MS = 1000;

/**
 * `POST /admin/models/pull`: an error as long as the hub has not said that it has the model, then JSON lines. A client that
 * leaves ends the download, unless somebody else waits for the same model.
 */
export function adminPull(app: FastifyInstance, services: AgentServices): void {
  app.post('/admin/models/pull', async (request, reply) => {
    const { model } = parseBody(adminPullRequestSchema, request.body);
    services.lifecycle.refuseWhenDraining();
    const pull = await services.pool.pull(model);
    const leave = (): void => pull.download?.leave();
    reply.raw.once('close', leave);
    // It may have gone while the model was looked for.
    if (reply.raw.destroyed) leave();
    try {
      await pull.download?.found;
    } catch (error) {
      throw toApiError(pull.model, error);
    }
    void reply.header('content-type', 'application/x-ndjson');
    return Readable.from(lines(services.pool, pull), { objectMode: false });
  });
}

async function* lines(pool: ModelPool, pull: Pull): AsyncGenerator<string> {
  for await (const event of events(pool, pull)) yield `${JSON.stringify(event)}\n`;
}

async function* events(pool: ModelPool, { model, download }: Pull): AsyncGenerator<AdminPullEvent> {
  try {
    if (download !== null) yield* progress(download);
    const location = await pool.find(model);
    if (location === null) throw weightlessModel(model);
    yield { event: 'done', model, disk_bytes: await diskBytes(location.path) };
  } catch (error) {
    yield { event: 'failed', ...toApiError(model, error).toBody() };
  }
}

/** Ends with the download, and throws what it fails with. */
async function* progress(download: Download): AsyncGenerator<AdminPullEvent> {
  let isDone = false;
  while (!isDone) {
    const { bytes, totalBytes } = download.progress;
    yield { event: 'progress', bytes, total_bytes: totalBytes };
    isDone = await Promise.race([download.done.then(() => true), sleep(TELL_MS, false, { ref: false })]);
  }
}

function toApiError(model: string, error: unknown): ApiError {
  return error instanceof DownloadFailure ? downloadFailed(model, error) : asApiError(error);
}
