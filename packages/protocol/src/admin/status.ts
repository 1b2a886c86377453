import { z } from 'zod';

/** Life of one model on a host. */
export const modelStateSchema = z.enum(['loading', 'ready', 'unloading', 'failed', 'unloaded']);
export type ModelState = z.infer<typeof modelStateSchema>;

/** Life of one worker process. `broken` rests after too many failures in a row. */
const workerStateSchema = z.enum([
  'starting',
  'loading',
  'ready',
  'stopping',
  'backoff',
  'broken',
  'stopped',
]);
export type WorkerState = z.infer<typeof workerStateSchema>;

export const modelStatusSchema = z.object({
  id: z.string(),
  state: modelStateSchema,
  /** Bytes that its worker holds in MLX; null while not loaded. */
  memory_bytes: z.int().min(0).nullable(),
  context_length: z.int().positive().nullable(),
  pinned: z.boolean(),
  /** Seconds without a request after which it is unloaded; null for never. */
  idle_timeout_seconds: z.number().positive().nullable(),
  /** ISO 8601; null when it has served nothing yet. */
  last_used_at: z.iso.datetime().nullable(),
  requests: z.object({ running: z.int().min(0), waiting: z.int().min(0) }),
  /** Why the last load failed. */
  error: z.string().nullable(),
  /**
   * Whether the host is in trouble without it: the configuration names it, and it is on the host or to be there. Any
   * client can have others fail. Absent in agents that do not tell.
   */
  wanted: z.boolean().optional(),
});
export type ModelStatus = z.infer<typeof modelStatusSchema>;

export const workerStatusSchema = z.object({
  model: z.string(),
  state: workerStateSchema,
  healthy: z.boolean(),
  pid: z.int().nullable(),
  restarts: z.int().min(0),
  /** How the last process ended, when it ended by itself. */
  last_exit: z.string().nullable(),
  /** The last lines of its log, oldest first; they outlast the process. Empty in agents that do not tell. */
  last_log: z.array(z.string()).default([]),
});
export type WorkerStatus = z.infer<typeof workerStatusSchema>;

/** `GET /admin/status`. `model` and `worker` sum up what `models` and `workers` tell one by one. */
export const adminStatusSchema = z.object({
  status: z.enum(['starting', 'running', 'draining']),
  version: z.string(),
  protocol_version: z.int(),
  /** Release id; null when the agent does not run from a release folder. */
  release: z.string().nullable(),
  pid: z.int(),
  uptime_seconds: z.number().min(0),
  ports: z.object({ main: z.int(), admin: z.int() }),
  /** Address that the main API listens on; absent in agents that do not tell. */
  bind: z.string().optional(),
  /** The most recently used loaded model. */
  model: z.object({ loaded: z.boolean(), name: z.string().nullable(), memory_gb: z.number().nullable() }),
  models: z.array(modelStatusSchema),
  /**
   * Models that the configuration names and that this host does not have and does not fetch: why, and what to do. Empty
   * in agents that do not tell.
   */
  missing: z.array(z.object({ model: z.string(), reason: z.string() })).optional(),
  /** `status` is the worst of all workers, or "idle" without any. */
  worker: z.object({ healthy: z.boolean(), status: z.string() }),
  workers: z.array(workerStatusSchema),
  requests: z.object({ running: z.int().min(0), waiting: z.int().min(0) }),
  /** Completion tokens a second over the last ten seconds; null when none. */
  tokens_per_second: z.number().min(0).nullable(),
  memory: z.object({
    total_bytes: z.int().positive(),
    /** Null, as the next, while the system does not say. */
    used_bytes: z.int().min(0).nullable(),
    /** What programs can take without swapping; absent, as the next two, in agents that do not tell. */
    available_bytes: z.int().min(0).nullable().optional(),
    pressure: z.enum(['normal', 'warn', 'critical']).optional(),
    /** Why new requests are refused for want of memory; null while they are taken. */
    refusal: z.string().nullable().optional(),
  }),
  config: z.object({
    /** Hardware model, for example Apple M4 Max, or the processor's name elsewhere. */
    machine_type: z.string(),
    total_ram_gb: z.number().positive(),
    idle_timeout_seconds: z.number().positive(),
    /** Bytes that models may use together. */
    memory_limit_bytes: z.int().positive(),
  }),
});
export type AdminStatus = z.infer<typeof adminStatusSchema>;
