import {
  type AdminStatus,
  CodedError,
  type Platform,
  PYTHON_VERSIONS,
  releaseStateSchema,
} from '@mlxfleet/protocol';
import { z } from 'zod';
import { readAdminStatus } from '../agent-client/admin-status.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { type ScriptPart, script } from '../remote-commands/script.ts';
import { serviceParts } from '../service/service-parts.ts';

const text = z.string().nullable();
const count = z.number().nullable();

const factSchema = z.discriminatedUnion('fact', [
  z.object({
    fact: z.literal('system'),
    os: z.string(),
    arch: z.string(),
    cpu: text,
    model: text,
    ramBytes: count,
    osVersion: text,
    /** Absolute. */
    root: z.string(),
    rootExists: z.boolean(),
    /** On the filesystem of the root. */
    freeBytes: count,
  }),
  z.object({ fact: z.literal('python'), path: z.string(), version: z.string() }),
  z.object({
    fact: z.literal('release'),
    id: z.string(),
    state: releaseStateSchema.catch('staged'),
    version: text,
    contentHash: text,
    createdAt: text,
    deployedAt: text,
    deployedBy: text,
    order: z.number().catch(0),
    current: z.boolean(),
    present: z.boolean(),
    /** Its files are as they were made; null when not looked at. */
    intact: z.boolean().nullable(),
  }),
  z.object({
    fact: z.literal('current'),
    id: z.string(),
    version: text,
    contentHash: text,
    state: text,
    textEnvironment: text,
    visionEnvironment: text,
  }),
  z.object({
    fact: z.literal('environment'),
    name: z.string(),
    lockSha256: z.string(),
    python: z.string(),
  }),
  z.object({ fact: z.literal('runtime'), name: z.string() }),
  z.object({ fact: z.literal('incoming'), name: z.string(), bytes: z.number() }),
  z.object({ fact: z.literal('configuration'), configSha256: text, environmentSha256: text }),
  z.object({
    fact: z.literal('lock'),
    holder: z.string(),
    command: z.string(),
    pid: count,
    ageSeconds: count,
    state: z.enum(['held', 'dead', 'expired']),
  }),
  z.object({
    fact: z.literal('service'),
    kind: z.string(),
    state: z.enum(['running', 'stopped']),
    supervisorPid: count,
    agentPid: count,
    /** As ps writes it: [[days-]hours:]minutes:seconds. */
    agentElapsed: text,
  }),
  z.object({ fact: z.literal('admin'), status: z.string() }),
  z.object({
    fact: z.literal('content'),
    /** Of the current release: `hash  path` lines. */
    files: text,
    /** Of shared/config.yaml. */
    config: text,
    /** Of shared/environment.json: each name with a hash of its value. */
    variables: z.record(z.string(), z.string()).nullable().catch(null),
  }),
  z.object({ fact: z.literal('packages'), lock: z.string(), names: z.string() }),
  z.object({
    fact: z.literal('holding'),
    /** Of a release, or of what is left of one. */
    id: z.string(),
    /** Where most of it is, relative to the root. */
    path: z.string(),
    recorded: z.boolean(),
    /** The release that it was deployed over. */
    previous: text,
    /** What it needs to serve, `envs/…` and `runtime/…`, one a line. */
    uses: z.string().transform((lines) => lines.split('\n').filter((line) => line !== '')),
  }),
  z.object({ fact: z.literal('folder'), path: z.string() }),
]);

type Fact = z.infer<typeof factSchema>;
type FactOf<Kind extends Fact['fact']> = Extract<Fact, { fact: Kind }>;

export type ReleaseFact = FactOf<'release'>;
export type SystemFact = FactOf<'system'>;

/** What a dry run compares a plan with. */
export interface HostDetails {
  /** Path in the current release to its SHA-256. */
  readonly files: ReadonlyMap<string, string>;
  /** Text of shared/config.yaml. */
  readonly config: string | null;
  /** Name in shared/environment.json to the SHA-256 of its value; null where there is none or it cannot be read. */
  readonly variables: ReadonlyMap<string, string> | null;
  /** Name of a lock of the current release to its packages, each `name==version`. */
  readonly packages: ReadonlyMap<string, readonly string[]>;
  readonly holdings: readonly FactOf<'holding'>[];
  /** Folders of environments and programs, complete or not: `envs/…` and `runtime/…`. */
  readonly folders: readonly string[];
}

/** What a host is and has. Parts that were not asked for are null or empty. */
export interface HostFacts {
  readonly system: SystemFact | null;
  readonly python: FactOf<'python'> | null;
  readonly releases: readonly ReleaseFact[];
  readonly current: FactOf<'current'> | null;
  /** Complete ones. */
  readonly environments: readonly FactOf<'environment'>[];
  /** `node-<version>` and `uv-<version>`, complete ones. */
  readonly runtimes: readonly string[];
  /** File name under deploy/incoming to its size; a part ends in `.part`. */
  readonly incoming: ReadonlyMap<string, number>;
  readonly configuration: FactOf<'configuration'> | null;
  readonly lock: FactOf<'lock'> | null;
  readonly service: FactOf<'service'> | null;
  /** The running agent's own word; null when none answers, or one of another protocol version. */
  readonly admin: AdminStatus | null;
  /** Protocol version that the running agent names; null when none answers. */
  readonly agentProtocol: number | null;
  /** Null when not asked for. */
  readonly details: HostDetails | null;
}

/** Parts of the facts; each costs the host a few milliseconds. `details` are for dry runs only. */
export type FactPart =
  | 'system'
  | 'python'
  | 'releases'
  | 'current'
  | 'stock'
  | 'lock'
  | 'service'
  | 'admin'
  | 'details';

/** What a deploy decides by. */
export const ALL_FACTS: readonly FactPart[] = [
  'system',
  'python',
  'releases',
  'current',
  'stock',
  'lock',
  'service',
  'admin',
];

export interface FactsOptions {
  /** Releases of this content have their files checked one by one. */
  readonly contentHash?: string;
  /** Looks for a Python even when an environment tells which one was found before. */
  readonly probePython?: boolean;
  readonly signal?: AbortSignal;
}

/** Asks a host in one session. */
export async function gatherFacts(
  host: Host,
  settings: ResolvedHost,
  parts: readonly FactPart[],
  options: FactsOptions = {},
): Promise<HostFacts> {
  const { contentHash = '', probePython = false, signal } = options;
  const details: ScriptPart[] = parts.includes('details') ? ['facts-details'] : [];
  const looks: ScriptPart[] = ['lib', 'lock', 'releases', ...serviceParts(settings.service), ...details];
  const remote = script([...looks, 'facts'], {
    ROOT: settings.root,
    FACTS: parts.join(' '),
    PYTHON_PREFERRED: settings.python.version,
    PYTHON_VERSIONS: PYTHON_VERSIONS.toReversed().join(' '),
    PYTHON_PROBE: probePython ? 'always' : 'needed',
    CONTENT_HASH: contentHash,
  });
  const messages: unknown[] = [];
  const answer = await runJsonScript(
    host,
    remote,
    (message) => messages.push(message),
    signal === undefined ? {} : { signal },
  );
  if (answer.exitCode !== 0) {
    throw new CodedError(
      ERRORS.SCRIPT_BROKEN,
      `${host.name}: the look at the host failed: ${answer.stderr.trim().slice(-400)}`,
    );
  }
  return parseFacts(messages);
}

/** Sorts messages of the facts script; one that is not understood comes from another version and is skipped. */
export function parseFacts(messages: readonly unknown[]): HostFacts {
  const facts = messages.flatMap((message) => {
    const parsed = factSchema.safeParse(message);
    return parsed.success ? [parsed.data] : [];
  });
  const all = <Kind extends Fact['fact']>(kind: Kind): FactOf<Kind>[] => ofKind(facts, kind);
  const one = <Kind extends Fact['fact']>(kind: Kind): FactOf<Kind> | null => all(kind)[0] ?? null;
  const agent = readAdminStatus(one('admin')?.status ?? '');
  return {
    system: one('system'),
    python: one('python'),
    releases: all('release'),
    current: one('current'),
    environments: all('environment'),
    runtimes: all('runtime').map(({ name }) => name),
    incoming: new Map(all('incoming').map(({ name, bytes }) => [name, bytes])),
    configuration: one('configuration'),
    lock: one('lock'),
    service: one('service'),
    admin: agent.status,
    agentProtocol: agent.protocolVersion,
    details: detailsOf(facts),
  };
}

function ofKind<Kind extends Fact['fact']>(facts: readonly Fact[], kind: Kind): FactOf<Kind>[] {
  return facts.filter((fact): fact is FactOf<Kind> => fact.fact === kind);
}

function detailsOf(facts: readonly Fact[]): HostDetails | null {
  const [content] = ofKind(facts, 'content');
  if (content === undefined) return null;
  const files = (content.files ?? '').split('\n').map((line) => /^([0-9a-f]{64})  (.+)$/.exec(line));
  return {
    files: new Map(files.flatMap((match) => (match === null ? [] : [[match[2] ?? '', match[1] ?? '']]))),
    config: content.config,
    variables: content.variables === null ? null : new Map(Object.entries(content.variables)),
    packages: new Map(
      ofKind(facts, 'packages').map(({ lock, names }) => [
        lock,
        names.split('\n').filter((name) => name !== ''),
      ]),
    ),
    holdings: ofKind(facts, 'holding'),
    folders: ofKind(facts, 'folder').map(({ path }) => path),
  };
}

/**
 * The platform whose dependencies a host takes.
 * @throws CodedError PLATFORM_UNSUPPORTED
 */
export function platformOf(host: string, system: SystemFact): Platform {
  if (system.os === 'Darwin' && system.arch === 'arm64') return 'macos-arm64';
  if (system.os === 'Linux' && system.arch === 'x86_64') return 'linux-x86_64';
  throw new CodedError(
    ERRORS.PLATFORM_UNSUPPORTED,
    `${host}: there is no release for ${system.os} on ${system.arch}`,
  );
}
