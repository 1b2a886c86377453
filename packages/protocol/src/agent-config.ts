import { z } from 'zod';
import { DEFAULTS } from './defaults.ts';

/** `shared/config.yaml` on a host: written by a deploy from the inventory, read by the agent when it starts. */
export const agentConfigSchema = z.strictObject({
  version: z.literal(1),
  api: z
    .strictObject({
      bind: z.string().default(DEFAULTS.bind),
      port: z.int().min(0).max(65_535).default(DEFAULTS.apiPort),
      /** Without keys, a bind beyond loopback needs this said. */
      anonymous: z.boolean().default(false),
      /** SHA-256 of each accepted key, hexadecimal: the host never stores a key. */
      key_hashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).default([]),
    })
    .prefault({}),
  admin: z.strictObject({ port: z.int().min(0).max(65_535).default(DEFAULTS.adminPort) }).prefault({}),
  models: z
    .array(
      z.strictObject({
        id: z.string().min(1),
        preload: z.boolean().default(false),
        pin: z.boolean().default(false),
        ttl_seconds: z.number().positive().nullable().default(null),
        context: z.int().positive().nullable().default(null),
      }),
    )
    .default([]),
  /** Null takes the default of the host's RAM tier. */
  idle_timeout_seconds: z.number().positive().nullable().default(null),
  memory_limit_bytes: z.int().positive().nullable().default(null),
  /** Requests that may wait for one model, and how many it decodes together. */
  queue_depth: z.int().positive().default(50),
  max_batch_size: z.int().positive().max(256).default(32),
  /** A request that runs longer is ended. */
  request_timeout_seconds: z.number().positive().default(600),
  /** How long a stop waits for running requests. */
  drain_seconds: z.number().min(0).default(30),
  /** Added to the environment of workers. */
  env: z.record(z.string(), z.string()).default({}),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;
