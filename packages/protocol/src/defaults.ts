/** What an inventory need not say: the value of each setting that has one for every host. */
export const DEFAULTS = {
  /** Where everything lives on a host. */
  root: '~/.mlxfleet',
  bind: '127.0.0.1',
  apiPort: 11_440,
  adminPort: 11_441,
  keepReleases: 5,
  python: '3.12',
  /** Hosts that are deployed at the same time. */
  maxParallel: 4,
  /** Of each API key, where a limit is asked for. */
  rateLimit: { perMinute: 60, burst: 10 },
  /** Tokens that speculation guesses at once. */
  draftTokens: 4,
  images: {
    /** Of one request; documents count apart. */
    maxImages: 5,
    /** Bytes of one image, and of one document. */
    maxBytes: 10_000_000,
    maxPdfBytes: 32_000_000,
    /** Of one image, before it is made smaller. */
    maxPixels: 50_000_000,
    /** Pages of all documents of a request together. */
    maxPdfPages: 20,
    /** Dots per inch at which pages are drawn. */
    pdfDpi: 144,
    /** What the settings can be raised to: a body in which all of it comes has to fit into one string. */
    mostImages: 50,
    mostBytes: 100_000_000,
    /** Of one image: far beyond any camera. */
    mostPixels: 1_000_000_000,
    /** And lowered to: below these hardly any image, 64 pixels wide and high, is taken. */
    leastBytes: 1024,
    leastPixels: 4096,
  },
} as const;
