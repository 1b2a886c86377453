import { z } from 'zod';
import { modelStateSchema } from './admin/status.ts';
import { deployOutcomeSchema, hostStateSchema } from './host.ts';
import { finishReasonSchema, responseTimingsSchema, usageSchema } from './openai/generation-options.ts';
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

const eventTime = z.iso.datetime();

const planLine = {
  /** Added, removed or changed; null for a remark. */
  sign: z.enum(['+', '-', '~']).nullable(),
  text: z.string(),
};

/**
 * What `deploy`, `rollback` and `prune` say on stderr while they run with `--json`: one object a line. The document on
 * stdout follows at the end.
 */
export const progressEventSchema = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('step'),
    time: eventTime,
    host: z.string(),
    step: z.enum(['facts', 'stage', 'switch', 'healthy', 'undo', 'prune']),
    state: z.enum(['begin', 'progress', 'done', 'failed']),
    /** One line for people; empty when there is nothing to say. */
    detail: z.string(),
  }),
  z.strictObject({
    event: z.literal('notice'),
    time: eventTime,
    /** Null for what concerns no host alone. */
    host: z.string().nullable(),
    text: z.string(),
  }),
  /** Of a dry run: something that would be changed, the room that it takes, or a hook that would run. */
  z.strictObject({
    event: z.literal('plan'),
    time: eventTime,
    host: z.string(),
    section: z.enum([
      'release',
      'environments',
      'configuration',
      'models',
      'service',
      'removal',
      'room',
      'hooks',
    ]),
    ...planLine,
    /** What changes in it, for example the files of a release. */
    details: z.array(z.strictObject(planLine)),
  }),
  /** The host is done with; a roll-out that takes hosts back says it once more. */
  z.strictObject({
    event: z.literal('outcome'),
    time: eventTime,
    host: z.string(),
    outcome: deployOutcomeSchema,
    error,
  }),
]);
export type ProgressEvent = z.infer<typeof progressEventSchema>;

/** Printed by `prune`; of a dry run, what would go. */
export const pruneDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      outcome: z.enum(['changed', 'unchanged', 'failed', 'unreachable']),
      /** Paths relative to the root of the host. */
      removed: z.array(z.string()),
      /** On the disk, as du counts them. */
      freedBytes: z.int().min(0),
      error,
    }),
  ),
});
export type PruneDocument = z.infer<typeof pruneDocumentSchema>;

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

/** Printed in place of a command's own document when it fails before it has one. */
export const errorDocumentSchema = z.strictObject({
  schemaVersion,
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string().nullable() }),
});
export type ErrorDocument = z.infer<typeof errorDocumentSchema>;

/** Printed by `init`: the file that was written and the hosts in it. */
export const initDocumentSchema = z.strictObject({
  schemaVersion,
  file: z.string(),
  hosts: z.array(z.string()),
});
export type InitDocument = z.infer<typeof initDocumentSchema>;

/** Something about an inventory, with its place. */
const inventoryProblem = z.strictObject({
  line: z.int().positive(),
  column: z.int().positive(),
  /** Keys joined by dots; empty for the file as a whole. */
  path: z.string(),
  message: z.string(),
  suggestion: z.string().nullable(),
});

/** Printed by `validate`, valid or not. */
export const validateDocumentSchema = z.strictObject({
  schemaVersion,
  file: z.string(),
  valid: z.boolean(),
  /** Names of the hosts; empty when not valid. */
  hosts: z.array(z.string()),
  problems: z.array(inventoryProblem),
  /** Valid, and does nothing or not all in this version; empty when not valid. */
  warnings: z.array(inventoryProblem),
  /** Commands that a deploy would run, in the order in which it comes to them; empty when not valid. */
  hooks: z.array(z.strictObject({ event: z.string(), on: z.enum(['local', 'remote']), run: z.string() })),
});
export type ValidateDocument = z.infer<typeof validateDocumentSchema>;

const finding = z.strictObject({
  /** Stable name of the check, for example disk. */
  check: z.string(),
  result: z.enum(['ok', 'warn', 'fail']),
  detail: z.string(),
  /** What to do about it; null when nothing. */
  advice: z.string().nullable(),
});

/** Printed by `doctor`. */
export const doctorDocumentSchema = z.strictObject({
  schemaVersion,
  /** Of the machine where the command runs. */
  local: z.array(finding),
  hosts: z.array(z.strictObject({ name: z.string(), findings: z.array(finding) })),
});
export type DoctorDocument = z.infer<typeof doctorDocumentSchema>;

/** Printed by `start`, `stop`, `restart`, `load`, `unload`, `unlock` and `uninstall`. */
export const hostActionDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      outcome: z.enum(['changed', 'unchanged', 'failed', 'unreachable']),
      /** One line for people. */
      detail: z.string(),
      error,
    }),
  ),
});
export type HostActionDocument = z.infer<typeof hostActionDocumentSchema>;

/** Printed by `exec`. */
export const execDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      /** Null when the command did not end by itself. */
      exitCode: z.int().nullable(),
      stdout: z.string(),
      stderr: z.string(),
      error,
    }),
  ),
});
export type ExecDocument = z.infer<typeof execDocumentSchema>;

/** Printed by `logs` without `-f`. */
export const logsDocumentSchema = z.strictObject({
  schemaVersion,
  hosts: z.array(z.strictObject({ name: z.string(), lines: z.array(z.string()), error })),
});
export type LogsDocument = z.infer<typeof logsDocumentSchema>;

/** Printed by `chat`. */
const chatDocumentSchema = z.strictObject({
  schemaVersion,
  host: z.string(),
  model: z.string(),
  content: z.string(),
  finishReason: finishReasonSchema.nullable(),
  usage: usageSchema.nullable(),
  timings: responseTimingsSchema.nullable(),
});
export type ChatDocument = z.infer<typeof chatDocumentSchema>;
