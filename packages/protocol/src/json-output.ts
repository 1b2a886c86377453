import { z } from 'zod';
import { modelStateSchema } from './admin/status.ts';
import { deployOutcomeSchema, hostStateSchema } from './host.ts';
import { releaseStateSchema } from './release.ts';

/** Documents that the command line prints with `--json`: one each, pinned by tests. Null means unknown. */

const schemaVersion = z.literal(1);
const error = z
  .strictObject({ code: z.string(), message: z.string(), hint: z.string().nullable() })
  .nullable();

export const statusDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      address: z.string().nullable(),
      state: hostStateSchema,
      release: z.string().nullable(),
      version: z.string().nullable(),
      models: z.array(
        z.strictObject({ id: z.string(), state: modelStateSchema, memoryBytes: z.int().nullable() }),
      ),
      requests: z.strictObject({ running: z.int(), waiting: z.int() }).nullable(),
      tokensPerSecond: z.number().nullable(),
      memory: z.strictObject({ totalBytes: z.int(), usedBytes: z.int() }).nullable(),
      uptimeSeconds: z.number().nullable(),
      error,
    }),
  ),
});
export type StatusDocument = z.infer<typeof statusDocumentSchema>;

/** Printed by `deploy` and `rollback`. */
export const deployDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      outcome: deployOutcomeSchema,
      release: z.string().nullable(),
      previous: z.string().nullable(),
      durationMs: z.int().min(0),
      error,
    }),
  ),
});
export type DeployDocument = z.infer<typeof deployDocumentSchema>;

export const releasesDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      releases: z.array(
        z.strictObject({
          id: z.string(),
          version: z.string().nullable(),
          createdAt: z.iso.datetime().nullable(),
          deployedBy: z.string().nullable(),
          state: releaseStateSchema,
          current: z.boolean(),
        }),
      ),
      error,
    }),
  ),
});
export type ReleasesDocument = z.infer<typeof releasesDocumentSchema>;
