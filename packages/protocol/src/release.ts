import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `<UTC time>-<first 8 digits of the content hash>`, for example 20261123T040000Z-3f9ac2e1. */
export const releaseIdSchema = z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/);

/** Platforms for which dependencies are locked. */
const platformSchema = z.enum(['macos-arm64', 'linux-x86_64']);
export type Platform = z.infer<typeof platformSchema>;

const environmentKindSchema = z.enum(['text', 'vision']);
export type EnvironmentKind = z.infer<typeof environmentKindSchema>;

/** `manifest.json` in a release folder. */
export const releaseManifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  id: releaseIdSchema,
  version: z.string(),
  /** ISO 8601, by the operator's clock. */
  createdAt: z.iso.datetime(),
  protocolVersion: z.int().positive(),
  /** SHA-256 over the sorted `files`: two releases with the same hash are the same software. */
  contentHash: sha256,
  /** Exact versions of the programs that the release runs on. */
  runtime: z.strictObject({ node: z.string(), uv: z.string() }),
  python: z.strictObject({ minimum: z.string(), below: z.string() }),
  /** Path in the release, `/` separated, to the SHA-256 of the file. */
  files: z.record(z.string(), sha256),
});
export type ReleaseManifest = z.infer<typeof releaseManifestSchema>;

export const releaseStateSchema = z.enum(['staged', 'good', 'failed']);
