import type { DatabaseSync } from 'node:sqlite';
import { type ResponseInputItem, responseInputItemSchema, type ResponseObject } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { openResponseDatabase } from './open-response-database.ts';

/** What a store may hold. Whatever was not used for longest goes first. */
export interface StoreLimits {
  readonly count: number;
  /** Of all texts together; the file is somewhat larger. */
  readonly bytes: number;
  /** Since a response was made or a conversation went on from it. */
  readonly ageMs: number;
  /** Of the items of one conversation, as far as they are kept here. */
  readonly conversationBytes: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Thirty days are OpenAI's. A conversation may be as long as the body of a request that sends all of it. */
const LIMITS: StoreLimits = {
  count: 10_000,
  bytes: 256 * 1024 ** 2,
  ageMs: 30 * DAY_MS,
  conversationBytes: 16 * 1024 ** 2,
};

/** One answered request. */
export interface StoredResponse {
  /** SHA-256 of the API key that made it, hexadecimal; empty where there was none. */
  readonly owner: string;
  readonly response: ResponseObject;
  /** The items that the request brought. */
  readonly input: readonly ResponseInputItem[];
}

/** The items of a conversation up to a response, that response's included; or why there are none. */
export type StoredConversation =
  | { readonly items: ResponseInputItem[] }
  | { readonly missing: 'unknown' | 'incomplete' | 'too-long' };

export interface ResponseStoreOptions {
  /** Absolute; it is made where it is missing. */
  readonly folder: string;
  readonly log: Logger;
  readonly limits?: Partial<StoreLimits>;
  /** Milliseconds since 1970, default the system's clock: the age of a response outlives the process. */
  readonly now?: () => number;
}

/** The conversation that ends with a response, the newest first. */
const CHAIN = `
  WITH RECURSIVE chain (id, previous, depth) AS (
    SELECT id, previous, 0 FROM responses WHERE id = :id AND owner = :owner
    UNION ALL
    SELECT earlier.id, earlier.previous, depth + 1
    FROM chain JOIN responses AS earlier ON earlier.id = chain.previous AND earlier.owner = :owner
  )
`;

/**
 * Responses that later requests go on from or ask for, in one SQLite file that only the owner of the agent can read. It
 * survives restarts. Calls block, for a fraction of a millisecond with conversations of usual size and for a tenth of a
 * second with the largest.
 */
export class ResponseStore {
  readonly #database: DatabaseSync;
  readonly #log: Logger;
  readonly #limits: StoreLimits;
  readonly #now: () => number;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #count: number;
  #bytes: number;

  constructor(options: ResponseStoreOptions) {
    this.#log = options.log;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#now = options.now ?? (() => Date.now());
    this.#database = openResponseDatabase(options.folder, options.log);
    this.#statements = prepareStatements(this.#database);
    const totals = this.#statements.totals.get();
    this.#count = Number(totals?.['n'] ?? 0);
    this.#bytes = Number(totals?.['b'] ?? 0);
    this.#shrink();
  }

  /** A disk that takes no more is no reason to keep an answer from its client: then it is logged, and not kept. */
  put({ owner, response, input }: StoredResponse): void {
    const texts = {
      input: JSON.stringify(input),
      output: JSON.stringify(response.output),
      response: JSON.stringify({ ...response, output: [] }),
    };
    const bytes = Object.values(texts).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    try {
      const { id, previous_response_id: previous } = response;
      this.#statements.insert.run({ id, owner, previous, usedAt: this.#now(), bytes, ...texts });
      this.#count += 1;
      this.#bytes += bytes;
      this.#shrink();
    } catch (error) {
      this.#log.error({ err: error, id: response.id }, 'a response could not be stored');
    }
  }

  /** Null for an unknown one, and for one of another owner. */
  get(id: string, owner: string): unknown {
    const row = this.#statements.response.get({ id, owner });
    if (row === undefined) return null;
    const response: unknown = JSON.parse(String(row['response']));
    const output: unknown = JSON.parse(String(row['output']));
    return Object.assign(Object(response), { output });
  }

  /** What a response put out, as items to go on from; null as of `get`. */
  output(id: string, owner: string): ResponseInputItem[] | null {
    const row = this.#statements.output.get({ id, owner });
    return row === undefined ? null : parseItems(row['output']);
  }

  /** Whether there was one of this owner. Later responses of the conversation stay, and cannot be gone on from. */
  delete(id: string, owner: string): boolean {
    const row = this.#statements.removeOwn.get({ id, owner });
    if (row === undefined) return false;
    this.#count -= 1;
    this.#bytes -= Number(row['bytes']);
    // What is deleted is gone, from the log of changes also.
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return true;
  }

  /** The items of all responses up to this one. Its whole conversation counts as used. */
  conversation(id: string, owner: string): StoredConversation {
    const summary = this.#statements.chainSummary.get({ id, owner });
    if (summary?.['bytes'] == null) return { missing: 'unknown' };
    if (summary['beyond'] !== null) return { missing: 'incomplete' };
    if (Number(summary['bytes']) > this.#limits.conversationBytes) return { missing: 'too-long' };
    const rows = this.#statements.chainItems.all({ id, owner });
    this.#statements.chainUsed.run({ id, owner, now: this.#now() });
    return { items: rows.flatMap((row) => parseItems(row['input']).concat(parseItems(row['output']))) };
  }

  close(): void {
    this.#database.close();
  }

  /** Takes out what is too old, and what was used longest ago while there is too much. */
  #shrink(): void {
    const { count, bytes, ageMs } = this.#limits;
    for (;;) {
      const row = this.#statements.oldest.get();
      if (row === undefined) return;
      const isOld = Number(row['used_at']) < this.#now() - ageMs;
      if (!isOld && this.#count <= count && this.#bytes <= bytes) return;
      this.#statements.remove.run({ id: String(row['id']) });
      this.#count -= 1;
      this.#bytes -= Number(row['bytes']);
    }
  }
}

function parseItems(text: unknown): ResponseInputItem[] {
  return responseInputItemSchema.array().parse(JSON.parse(String(text)));
}

/** Every statement of the store, read by SQLite once. */
function prepareStatements(database: DatabaseSync) {
  const ownOne = 'FROM responses WHERE id = :id AND owner = :owner';
  return {
    totals: database.prepare('SELECT count(*) AS n, sum(bytes) AS b FROM responses'),
    insert: database.prepare(
      'INSERT INTO responses VALUES (:id, :owner, :previous, :usedAt, :bytes, :input, :output, :response)',
    ),
    oldest: database.prepare('SELECT id, bytes, used_at FROM responses ORDER BY used_at, rowid LIMIT 1'),
    remove: database.prepare('DELETE FROM responses WHERE id = :id'),
    response: database.prepare(`SELECT output, response ${ownOne}`),
    output: database.prepare(`SELECT output ${ownOne}`),
    removeOwn: database.prepare(`DELETE ${ownOne} RETURNING bytes`),
    chainSummary: database.prepare(
      `${CHAIN} SELECT sum(octet_length(input) + octet_length(output)) AS bytes,
         max(CASE WHEN depth = (SELECT max(depth) FROM chain) THEN chain.previous END) AS beyond
       FROM chain JOIN responses USING (id)`,
    ),
    chainItems: database.prepare(
      `${CHAIN} SELECT input, output FROM chain JOIN responses USING (id) ORDER BY depth DESC`,
    ),
    chainUsed: database.prepare(
      `${CHAIN} UPDATE responses SET used_at = :now WHERE id IN (SELECT id FROM chain)`,
    ),
  };
}
