import { chmodSync, closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';

const FILE = 'responses.sqlite';
/** A file with another one is of another release, and is begun anew. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    previous TEXT,
    used_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    input TEXT NOT NULL,
    output TEXT NOT NULL,
    -- The rest of the response.
    response TEXT NOT NULL
  );
  CREATE INDEX responses_by_use ON responses (used_at);
  PRAGMA user_version = ${String(SCHEMA_VERSION)};
`;

/**
 * The file of stored responses in a folder, which is made where it is missing. One that cannot be used is begun anew: it
 * holds nothing that a client could not send again. Without a disk the database is in memory.
 */
export function openResponseDatabase(folder: string, log: Logger): DatabaseSync {
  const file = path.join(folder, FILE);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openFile(file);
  } catch (error) {
    log.warn({ err: error, file }, 'the stored responses cannot be read and are begun anew');
  }
  try {
    for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true });
    return openFile(file);
  } catch (error) {
    log.error({ err: error, file }, 'responses cannot be stored on disk and last until the agent stops');
    return prepare(new DatabaseSync(':memory:'));
  }
}

function openFile(file: string): DatabaseSync {
  // SQLite gives its further files the mode of this one.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const database = new DatabaseSync(file);
  try {
    return prepare(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: DatabaseSync): DatabaseSync {
  // The write-ahead log: a commit is one write, without waiting for the disk. A power cut may take the last responses,
  // and never the file.
  database.exec(`
    PRAGMA busy_timeout = 1000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA secure_delete = ON;
  `);
  const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
  if (version === SCHEMA_VERSION) return database;
  database.exec(`DROP TABLE IF EXISTS responses; ${SCHEMA}`);
  return database;
}
