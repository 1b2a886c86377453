/** Bounds of one fetch. */
interface FetchBounds {
  /** Of the file; nothing beyond them is read. The fetcher alone sees to it. */
  readonly maxBytes: number;
  /** Ends the fetch: the client is gone, its time is up, or the agent stops. */
  readonly signal: AbortSignal;
}

/**
 * The bytes at an http(s) URL that a request names. What kind of file they are is for the caller to find out, who also adds
 * the request's field to an error.
 * @throws ApiError without a `param`; the reason of the signal when that ends it.
 */
export type FetchMedia = (url: URL, bounds: FetchBounds) => Promise<Uint8Array>;
