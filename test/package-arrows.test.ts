import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

const checkout = path.dirname(import.meta.dirname);

const protocolAlone = 'protocol imports no other package of mlxfleet.';
const zodAlone = 'protocol imports zod and nothing else.';
const agentAlone = 'agent and cli never import each other.';
const cliAlone = 'cli and agent never import each other.';
const publicEntry = 'import the protocol by its public entry.';
const apisApart = 'what two APIs share is in answering/.';
const noApi = 'answering knows no API.';
const noModels = 'memory, queueing, metrics and workers know no models and no requests.';
const noStatus = 'models know neither the status nor the requests.';
const noRuntime = 'what is on disk, and who may be loaded, knows no running model.';
const noRequests = 'what is told of the agent knows no requests.';

/** File in packages/, the line it holds, and what lint says to it. */
const violations: ReadonlyArray<readonly [file: string, line: string, message: string]> = [
  ['protocol/src/by-name.ts', "import { x } from '@mlxfleet/agent';", protocolAlone],
  ['protocol/src/cli-by-name.ts', "import { x } from '@mlxfleet/cli';", protocolAlone],
  ['protocol/src/by-path.ts', "import { x } from '../../agent/src/main.ts';", protocolAlone],
  ['protocol/src/deep/by-path.ts', "import { x } from '../../../cli/src/main.ts';", protocolAlone],
  ['protocol/src/type.ts', "import type { X } from '@mlxfleet/agent';", protocolAlone],
  ['protocol/src/library.ts', "import { parse } from 'yaml';", zodAlone],
  ['protocol/src/zod-like.ts', "import { z } from 'zodiac';", zodAlone],
  ['protocol/src/built-in.ts', "import { readFile } from 'node:fs/promises';", zodAlone],
  ['agent/src/by-name.ts', "import { x } from '@mlxfleet/cli';", agentAlone],
  ['agent/src/by-subpath.ts', "import { x } from '@mlxfleet/cli/src/main.ts';", agentAlone],
  ['agent/src/by-path.ts', "import { x } from '../../cli/src/main.ts';", agentAlone],
  ['agent/src/deep/er/by-path.ts', "export { x } from '../../../../cli/src/ssh/x.ts';", agentAlone],
  ['agent/src/by-folder.ts', "import { x } from '../../../packages/cli/src/main.ts';", agentAlone],
  ['agent/src/protocol-inside.ts', "import { x } from '@mlxfleet/protocol/src/host.ts';", publicEntry],
  ['agent/src/protocol-by-path.ts', "import { x } from '../../protocol/src/host.ts';", publicEntry],
  ['agent/src/routes/openai/across.ts', "import { x } from '../anthropic/messages.ts';", apisApart],
  ['agent/src/routes/openai/chat/across.ts', "import { x } from '../../anthropic/messages.ts';", apisApart],
  [
    'agent/src/routes/anthropic/across.ts',
    "import type { X } from '../openai/chat/chat-plan.ts';",
    apisApart,
  ],
  ['agent/src/routes/openai/chat/by-name.ts', "import { x } from '@mlxfleet/cli';", agentAlone],
  [
    'agent/src/routes/anthropic/inside.ts',
    "import { x } from '@mlxfleet/protocol/src/host.ts';",
    publicEntry,
  ],
  ['agent/src/answering/upwards.ts', "import { x } from '../routes/parse-body.ts';", noApi],
  ['agent/src/memory/upwards.ts', "import { x } from '../models/model-pool.ts';", noModels],
  ['agent/src/scheduler/upwards.ts', "import type { X } from '../models/catalog.ts';", noModels],
  ['agent/src/workers/upwards.ts', "import { x } from '../agent-services.ts';", noModels],
  ['agent/src/metrics/upwards.ts', "import { x } from '../status/status.ts';", noModels],
  ['agent/src/models/upwards.ts', "import { x } from '../status/status.ts';", noStatus],
  ['agent/src/models/deep/upwards.ts', "import type { X } from '../../agent-services.ts';", noStatus],
  ['agent/src/models/sideways.ts', "import { x } from '../routes/parse-body.ts';", noStatus],
  ['agent/src/models/catalog/upwards.ts', "import { x } from '../runtime/model-runtime.ts';", noRuntime],
  ['agent/src/models/admission/upwards.ts', "import type { X } from '../model-pool.ts';", noRuntime],
  ['agent/src/models/downloads/upwards.ts', "import { x } from '../../status/status.ts';", noStatus],
  ['agent/src/responses/upwards.ts', "import { x } from '../routes/parse-body.ts';", noRequests],
  ['agent/src/status/upwards.ts', "import { x } from '../routes/admin/reads.ts';", noRequests],
  ['cli/src/by-name.ts', "import { x } from '@mlxfleet/agent';", cliAlone],
  ['cli/src/by-other-subpath.ts', "import { x } from '@mlxfleet/agent/dist/agent.mjs';", cliAlone],
  ['cli/src/by-subpath.ts', "import { x } from '@mlxfleet/agent/src/main.ts';", cliAlone],
  ['cli/src/by-path.ts', "import { x } from '../../agent/src/main.ts';", cliAlone],
  ['cli/src/deep/er/by-path.ts', "export * from '../../../../agent/src/app.ts';", cliAlone],
  ['cli/src/dynamic.ts', "export const x = import('@mlxfleet/agent');", cliAlone],
  ['cli/src/protocol-inside.ts', "import { x } from '@mlxfleet/protocol/src/host.ts';", publicEntry],
];

/** What the packages do every day. */
const allowed: ReadonlyArray<readonly [file: string, line: string]> = [
  ['protocol/src/clean.ts', "import { z } from 'zod';"],
  ['protocol/src/admin/clean.ts', "import { x } from '../host.ts';"],
  ['agent/src/clean.ts', "import { x } from '@mlxfleet/protocol';"],
  ['agent/src/library.ts', "import fastify from 'fastify';"],
  ['agent/src/routes/openai/clean.ts', "import { x } from '../../scheduler/x.ts';"],
  ['agent/src/routes/anthropic/clean.ts', "import { x } from '../../answering/x.ts';"],
  ['agent/src/models/clean.ts', "import { x } from '../memory/x.ts';"],
  ['agent/src/status/clean.ts', "import { x } from '../models/x.ts';"],
  ['cli/src/clean.ts', "import { x } from '@mlxfleet/protocol';"],
  ['cli/src/agent-client/clean.ts', "import { x } from '../ssh/x.ts';"],
  // A folder of the command line may be called after the agent.
  ['cli/src/commands/clean.ts', "import { x } from '../agent-client/clean.ts';"],
];

const lintReport = z.object({
  diagnostics: z.array(
    z.object({ code: z.string(), filename: z.string(), message: z.string(), help: z.string().optional() }),
  ),
});

describe('the arrows between packages, and between folders of the agent', () => {
  let tree: string;
  /** Complaints about imports, by file in packages/. */
  const complaints = new Map<string, string>();

  beforeAll(async () => {
    tree = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-arrows-'));
    await copyFile(path.join(checkout, '.oxlintrc.json'), path.join(tree, '.oxlintrc.json'));
    for (const [file, line] of [...violations, ...allowed]) {
      const target = path.join(tree, 'packages', file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, `${line}\n`);
    }
    for (const { code, filename, message, help = '' } of lintReport.parse(JSON.parse(await lint(tree)))
      .diagnostics) {
      if (!code.includes('no-restricted-imports')) continue;
      const file = path.relative('packages', filename);
      complaints.set(file, `${complaints.get(file) ?? ''}${message} ${help}`);
    }
  });
  afterAll(() => rm(tree, { recursive: true }));

  test.each(violations)('%s: %s is refused', (file, _line, message) => {
    expect(complaints.get(file)).toContain(message);
  });

  test.each(allowed)('%s: %s passes', (file) => {
    expect(complaints.get(file)).toBeUndefined();
  });
});

/** Lints a folder under its own configuration. oxlint looks for its type-aware helper on PATH. */
function lint(folder: string): Promise<string> {
  const program = path.join(checkout, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const argv = [program, '--config', '.oxlintrc.json', '--format', 'json', '.'];
  const tools = path.join(checkout, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${tools}${path.delimiter}${process.env['PATH']}` };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { cwd: folder, env, maxBuffer: 1e8 }, (error, stdout) => {
      if (stdout.startsWith('{')) resolve(stdout);
      else reject(error ?? new Error(`oxlint printed no report: ${stdout}`));
    });
  });
}
