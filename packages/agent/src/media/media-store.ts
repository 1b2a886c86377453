import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ImageSettings, Media } from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Attachment } from './attachment.ts';
import type { FetchMedia } from './fetch-media.ts';
import { decodeContent, locateContent, refuseContent } from './media-content.ts';
import { tooManyDocuments, tooManyImages, urlNotAllowed } from './media-errors.ts';
import { Slots } from './slots.ts';
import { type Spool, type SpooledFile, SpoolFull } from './spool.ts';

export interface MediaStoreOptions {
  readonly settings: ImageSettings;
  readonly spool: Spool;
  readonly fetch: FetchMedia;
  /** Aborted when the agent stops: what is being fetched is given up. */
  readonly stopping: AbortSignal;
}

/** The files of one request. */
export interface MediaLease {
  /** In the order of the attachments. */
  readonly media: readonly Media[];
  /** To be called once, when nobody needs the files any more. */
  readonly release: () => void;
}

/** Codes of a file system that has no room. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
/** Of all requests together: each has a connection, and a file in memory until it is written. */
const FETCHES_AT_A_TIME = 8;
/** After which other requests may have ended and left their room. */
const FULL_RETRY_SECONDS = 5;

/** Makes files of the images and documents of requests, for the workers. */
export class MediaStore {
  readonly #options: MediaStoreOptions;
  readonly #fetches = new Slots(FETCHES_AT_A_TIME);

  constructor(options: MediaStoreOptions) {
    this.#options = options;
  }

  /**
   * Checks the attachments of a request and has them as files until the lease is released.
   * @throws ApiError for what is no image or document that this host takes, and for a disk without room; the reason of the
   *   signal when that ends it. Nothing is left behind then.
   */
  async take(attachments: readonly Attachment[], signal: AbortSignal): Promise<MediaLease> {
    this.#refuseTooMany(attachments);
    const files: SpooledFile[] = [];
    const release = (): void => {
      for (const file of files.splice(0)) file.release();
    };
    try {
      const media: Media[] = [];
      for (const attachment of attachments) {
        // Decoding and hashing hold up every stream: they have their turn between two files.
        await nextTurn();
        signal.throwIfAborted();
        const file = await this.#file(attachment, signal);
        files.push(file);
        const { kind, param, detail, pages, dpi } = attachment;
        media.push({ kind, path: file.path, sha256: file.sha256, param, detail, pages, dpi });
      }
      return { media, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Removes all files: the agent ends. */
  clear(): void {
    this.#options.spool.clear();
  }

  #refuseTooMany(attachments: readonly Attachment[]): void {
    const { max_images: mostImages, max_pdf_pages: mostPages } = this.#options.settings;
    const images = attachments.filter(({ kind }) => kind === 'image');
    const image = images[mostImages];
    if (image !== undefined) throw tooManyImages(image.param, images.length, mostImages);
    // The worker counts pages; thousands of documents would be files before it could.
    const documents = attachments.filter(({ kind }) => kind === 'pdf');
    const document = documents[mostPages];
    if (document !== undefined) throw tooManyDocuments(document.param, documents.length, mostPages);
  }

  async #file(attachment: Attachment, ending: AbortSignal): Promise<SpooledFile> {
    const { settings, stopping } = this.#options;
    const mostBytes = attachment.kind === 'image' ? settings.max_bytes : settings.max_pdf_bytes;
    const content = locateContent(attachment);
    if (content.kind === 'inline') {
      return await this.#hold(attachment, decodeContent(attachment, content, mostBytes));
    }
    if (!settings.allow_urls) {
      const { param, source } = attachment;
      throw urlNotAllowed(param, source.kind === 'url' ? source.instead : undefined);
    }
    const signal = AbortSignal.any([ending, stopping]);
    return await this.#fetches.run(
      signal,
      async () => await this.#hold(attachment, await this.#fetch(attachment, content.url, mostBytes, signal)),
    );
  }

  async #fetch(
    { kind, param }: Attachment,
    url: URL,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { fetch } = this.#options;
    let bytes: Uint8Array;
    try {
      bytes = await fetch(url, { maxBytes, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError)) throw error;
      // The fetcher does not know the field of the request.
      throw new ApiError(error.definition, `'${param}': ${error.message}`, { param, cause: error });
    }
    refuseContent(kind, param, bytes, null);
    return bytes;
  }

  async #hold({ param }: Attachment, bytes: Uint8Array): Promise<SpooledFile> {
    try {
      return await this.#options.spool.hold(bytes);
    } catch (error) {
      if (error instanceof SpoolFull) {
        const message =
          'The images and documents of the requests that run have as many bytes as the agent holds.';
        throw new ApiError(API_ERRORS.MEDIA_IN_FLIGHT, message, { param, retryAfter: FULL_RETRY_SECONDS });
      }
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (!NO_ROOM.has(code)) throw error;
      const message = 'The disk of the host has no room for the images and documents of the request.';
      throw new ApiError(API_ERRORS.INSUFFICIENT_STORAGE, message, { param, cause: error });
    }
  }
}
