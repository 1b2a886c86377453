import { z } from 'zod';
import { adapterNameSchema } from './adapter-name.ts';
import { DEFAULTS } from './defaults.ts';
import { durationSchema } from './duration.ts';
import { modelIdSchema } from './model-id.ts';
import { PYTHON_RANGE_TEXT, PYTHON_VERSIONS } from './python-range.ts';
import { sizeSchema } from './size.ts';

/**
 * inventory.yaml: the hosts that a person owns and what should run on them. Unknown keys are errors everywhere, so a
 * misspelt key never means a silent default.
 */

const port = z.int().min(1).max(65_535);

/** Host names and labels appear in commands, file names and prompts. */
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i, 'expected letters, digits, dot, dash or underscore');

/** A value that is never written down: taken from the operator's environment or from a command's output. */
const secretReferenceSchema = z.union([
  z.strictObject({
    env: z.string().min(1).meta({ description: "Name of a variable in the operator's environment" }),
  }),
  z.strictObject({
    command: z.string().min(1).meta({ description: 'Command line whose output is the secret' }),
  }),
]);
export type SecretReference = z.infer<typeof secretReferenceSchema>;

const rateLimitSchema = z.strictObject({
  per_minute: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .meta({ description: 'Requests a minute of each key', default: DEFAULTS.rateLimit.perMinute }),
  burst: z
    .int()
    .min(1)
    .max(1e6)
    .optional()
    .meta({ description: 'Requests that may come at once after a pause', default: DEFAULTS.rateLimit.burst }),
});

const apiSchema = z.strictObject({
  port: port.optional().meta({ description: 'Port of the OpenAI API', default: DEFAULTS.apiPort }),
  bind: z.string().min(1).optional().meta({ description: 'Address to listen on', default: DEFAULTS.bind }),
  anonymous: z
    .boolean()
    .optional()
    .meta({ description: 'Serve requests without a key on a bind beyond loopback', default: false }),
  keys: z.array(secretReferenceSchema).optional().meta({ description: 'API keys that are accepted' }),
  rate_limit: z
    .union([rateLimitSchema, z.literal(false)])
    .optional()
    .meta({ description: 'Limit the requests of each key; false takes a limit of the defaults off' }),
});

/** A file's size limit: one of less would refuse nearly every file, and is a number without its unit. */
const fileLimitSchema = sizeSchema.refine(
  (bytes) => bytes >= DEFAULTS.images.leastBytes && bytes <= DEFAULTS.images.mostBytes,
  `expected a size such as 10MB, of ${String(DEFAULTS.images.leastBytes)} bytes to ${String(DEFAULTS.images.mostBytes / 1e6)}MB`,
);

const imagesSchema = z.strictObject({
  allow_urls: z
    .boolean()
    .optional()
    .meta({ description: 'Fetch images that are named by an http(s) URL', default: false }),
  max_images: z.int().min(1).max(DEFAULTS.images.mostImages).optional().meta({
    description: 'Images of one request; documents count apart',
    default: DEFAULTS.images.maxImages,
  }),
  max_bytes: fileLimitSchema
    .optional()
    .meta({ description: 'Size of one image', default: DEFAULTS.images.maxBytes }),
  max_pixels: z.int().min(DEFAULTS.images.leastPixels).max(DEFAULTS.images.mostPixels).optional().meta({
    description: 'Pixels of one image, before it is made smaller',
    default: DEFAULTS.images.maxPixels,
  }),
  max_side: z
    .int()
    .min(28)
    .max(8192)
    .optional()
    .meta({ description: 'Pixels of the longer side of what a model is shown; default by RAM' }),
  max_pdf_bytes: fileLimitSchema
    .optional()
    .meta({ description: 'Size of one document', default: DEFAULTS.images.maxPdfBytes }),
  max_pdf_pages: z.int().min(1).max(1000).optional().meta({
    description: 'Pages of all documents of one request together',
    default: DEFAULTS.images.maxPdfPages,
  }),
  pdf_dpi: z
    .int()
    .min(36)
    .max(600)
    .optional()
    .meta({ description: 'Dots per inch at which pages are drawn', default: DEFAULTS.images.pdfDpi }),
  image_cache: sizeSchema
    .optional()
    .meta({ description: 'Memory for decoded images, of each vision model; default by RAM' }),
  feature_cache: sizeSchema
    .optional()
    .meta({ description: 'Memory for images as the model sees them, of each vision model; default by RAM' }),
});

const adminSchema = z.strictObject({
  port: port
    .optional()
    .meta({ description: 'Port of the admin API, on loopback only', default: DEFAULTS.adminPort }),
});

const environmentSchema = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable'),
  z.union([z.string(), secretReferenceSchema]),
);

const serviceKindSchema = z.enum(['launchd', 'system', 'systemd', 'detached']);
export type ServiceKind = z.infer<typeof serviceKindSchema>;

/** What can be set for every host in `defaults` and again for one host. */
const hostSettings = {
  user: z.string().min(1).optional().meta({ description: 'ssh user' }),
  port: port.optional().meta({ description: 'ssh port' }),
  identity: z.string().min(1).optional().meta({ description: 'Private key file' }),
  jump: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Host to connect through: an inventory host or user@host:port' }),
  root: z
    .string()
    .regex(/^(~\/|\/).+/, 'expected an absolute path or one that begins with ~/')
    // The scripts on a host find the agent's processes by this path in what ps prints, in the C locale.
    .regex(/^[\x20-\x7e]*$/, 'expected printable ASCII')
    .optional()
    .meta({ description: 'Folder on the host where everything lives', default: DEFAULTS.root }),
  service: serviceKindSchema
    .optional()
    .meta({ description: 'How the agent runs; default: what the host has' }),
  vision: z
    .boolean()
    .optional()
    .meta({ description: 'Build the vision environment on this host', default: false }),
  api: apiSchema.optional(),
  images: imagesSchema.optional(),
  admin: adminSchema.optional(),
  env: environmentSchema.optional().meta({ description: 'Environment of the agent and its workers' }),
  keep_releases: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Good releases to keep', default: DEFAULTS.keepReleases }),
};

const inventoryHostSchema = z.strictObject({
  ...hostSettings,
  address: z.string().min(1).optional().meta({ description: 'Host name or address; default: the name here' }),
  connection: z.enum(['ssh', 'local']).optional().meta({ description: 'How to reach it', default: 'ssh' }),
  labels: z.array(name).optional(),
});
export type InventoryHost = z.infer<typeof inventoryHostSchema>;

const inventoryModelSchema = z.strictObject({
  id: modelIdSchema.meta({
    description: 'Hugging Face id, a folder name under shared/models, or a new alias',
  }),
  base: modelIdSchema.optional().meta({ description: 'Of an alias: the id of the model that is adapted' }),
  adapter: adapterNameSchema
    .optional()
    .meta({ description: 'Of an alias: a LoRA adapter, the name of a folder under shared/adapters' }),
  hosts: z.array(name).optional().meta({ description: 'Hosts or labels; default: every host' }),
  preload: z.boolean().optional().meta({ description: 'Load when the agent starts', default: false }),
  pin: z.boolean().optional().meta({ description: 'Never unload when idle', default: false }),
  ttl: durationSchema.optional().meta({ description: 'Idle time before it is unloaded; default by RAM' }),
  context: z
    .int()
    .positive()
    .optional()
    .meta({ description: 'Upper bound of prompt and completion in tokens' }),
  max_batch_size: z.int().min(1).max(256).optional().meta({ description: 'Requests decoded together' }),
  kv_bits: z
    .literal([4, 8])
    .optional()
    .meta({ description: 'Bits of keys and values in the cache; default: as the model computes' }),
  draft: modelIdSchema
    .optional()
    .meta({ description: 'Small model with the same tokenizer that guesses tokens' }),
  prompt_lookup: z
    .boolean()
    .optional()
    .meta({ description: 'Guess tokens from what was said before', default: false }),
  draft_tokens: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .meta({ description: 'Most tokens guessed at once', default: DEFAULTS.draftTokens }),
  prefix_cache: z
    .strictObject({
      memory: sizeSchema.optional().meta({ description: 'Memory for kept prefixes; default by RAM' }),
      disk: sizeSchema.optional().meta({ description: 'Disk for kept prefixes; default by free space' }),
    })
    .optional(),
});

const hookSchema = z.strictObject({
  run: z.string().min(1).meta({ description: 'Command line, run by /bin/sh' }),
  on: z.enum(['local', 'remote']).optional().meta({
    description: 'Where it runs: on your machine in the folder of the inventory, or on the host',
    default: 'local',
  }),
});

const PYTHON_VERSION = new RegExp(
  `^(${PYTHON_VERSIONS.map((version) => version.replace('.', String.raw`\.`)).join('|')})$`,
);

export const inventorySchema = z.strictObject({
  version: z.literal(1),
  defaults: z.strictObject(hostSettings).optional(),
  hosts: z
    .record(name, inventoryHostSchema)
    .refine((hosts) => Object.keys(hosts).length > 0, 'expected at least one host'),
  rollout: z
    .strictObject({
      canary: z
        .array(name)
        .optional()
        .meta({ description: 'Hosts or labels that are deployed first, one by one' }),
      max_parallel: z.int().min(1).max(64).optional().meta({ default: DEFAULTS.maxParallel }),
      on_failure: z.enum(['stop', 'revert']).optional().meta({
        description: 'When a host fails: leave those that were changed, or take them back',
        default: 'stop',
      }),
    })
    .optional(),
  models: z.array(inventoryModelSchema).optional(),
  python: z
    .strictObject({
      version: z
        .string()
        .regex(PYTHON_VERSION, `expected a Python version from ${PYTHON_RANGE_TEXT}, as text`)
        .optional()
        .meta({ description: 'Preferred Python', default: DEFAULTS.python }),
      index_url: z.url().optional().meta({ description: 'Package index instead of the default one' }),
      find_links: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Folder of wheels on the host, used instead of an index' }),
    })
    .optional(),
  smoke_test: z
    .strictObject({
      model: modelIdSchema.meta({ description: 'Model that has to answer before a deploy counts' }),
    })
    .optional(),
  env: environmentSchema.optional().meta({ description: 'Environment of the agent on every host' }),
  hooks: z
    .strictObject({
      'pre-deploy': z
        .array(hookSchema)
        .optional()
        .meta({ description: 'For each host with something to change, before anything is sent' }),
      'post-switch': z
        .array(hookSchema)
        .optional()
        .meta({ description: 'Once the new release has passed its gate; a failure takes the host back' }),
      'post-deploy': z
        .array(hookSchema)
        .optional()
        .meta({ description: 'Once a host is deployed; a failure stops the roll-out' }),
      'on-failure': z
        .array(hookSchema)
        .optional()
        .meta({ description: 'Once a host has failed or gone back' }),
    })
    .optional(),
});
export type Inventory = z.infer<typeof inventorySchema>;
