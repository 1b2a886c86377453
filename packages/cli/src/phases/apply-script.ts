import type { ResolvedHost } from '../config/resolved-host.ts';
import { revealed } from '../config/secret.ts';
import { hookSeconds } from '../hooks/run-hooks.ts';
import { changeVariables } from '../remote-commands/change-variables.ts';
import { quote } from '../remote-commands/quote.ts';
import { type RemoteScript, script } from '../remote-commands/script.ts';
import { guardScript } from '../service/guard-script.ts';
import { hostScriptParts } from '../service/host-script-parts.ts';
import { CONFIRM_SECONDS } from './confirm-switch.ts';
import type { HostDeploy } from './deploy-state.ts';
import { required } from './deploy-state.ts';

/** The script that makes all changes of a deploy. @param changeId names the change, for its confirmation */
export function applyScript(deploy: HostDeploy, changeId: string): RemoteScript {
  const { target, shared } = deploy;
  const { settings } = target;
  const { desired, releaseId, release, environments } = required(deploy.plan, 'plan');
  const facts = required(deploy.facts, 'facts');
  const blobs = required(deploy.blobs, 'blobs');
  const imports = (kind: string): string =>
    desired.environments.find((one) => one.kind === kind)?.imports ?? '';
  const change = changeVariables(shared.settings, settings, 'deploy', changeId);
  const smokeModel = shared.settings.smokeTestModel ?? settings.smokeTestModel ?? '';
  const confirmSeconds = CONFIRM_SECONDS + hookSeconds(shared.settings.hooks, 'post-switch');
  return script([...hostScriptParts(settings), 'pruning', 'apply'], {
    ...change,
    RELEASE: releaseId,
    VERSION: release?.manifest.version ?? shared.payload.version,
    CONTENT_HASH: desired.contentHash,
    CREATED_AT: release?.manifest.createdAt ?? '',
    EXPECTED_CURRENT: facts.current?.id ?? '',
    RELEASE_BLOB: blobs.get('release') ?? '',
    NODE_VERSION: desired.runtime.node,
    NODE_BLOB: blobs.get('node') ?? '',
    UV_VERSION: desired.runtime.uv,
    UV_BLOB: blobs.get('uv') ?? '',
    PLATFORM: desired.platform,
    TEXT_ENVIRONMENT: environments.get('text') ?? '',
    TEXT_IMPORTS: imports('text'),
    VISION_ENVIRONMENT: environments.get('vision') ?? '',
    VISION_IMPORTS: imports('vision'),
    PYTHON_PATH: desired.python.path ?? '',
    PYTHON_VERSION: desired.python.version,
    PYTHON_PREFERRED: settings.python.version,
    FIND_LINKS: settings.python.findLinks ?? '',
    CONFIG: desired.configText,
    ENVIRONMENT: desired.environmentText,
    BUILD_EXPORTS: exports(settings),
    SMOKE_MODEL: smokeModel,
    CONFIRM_SECONDS: String(confirmSeconds),
    GUARD: guardScript(settings, change, smokeModel, confirmSeconds),
    KEEP_RELEASES: String(settings.keepReleases),
    ONLY_STAGE: shared.settings.onlyStage ? 'yes' : 'no',
  });
}

/** Shell text that sets the environment in which packages are installed. An index's address may hold a password. */
function exports({ env, python }: ResolvedHost): string {
  const index = python.indexUrl === null ? {} : { UV_DEFAULT_INDEX: python.indexUrl };
  const variables = { ...revealed(env), ...index };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quote(value)}\nexport ${name}\n`)
    .join('');
}
