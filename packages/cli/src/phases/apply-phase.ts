import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { formatBytes } from '../output/quantities.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { revealed } from '../config/secret.ts';
import { changeVariables } from '../remote-commands/change-variables.ts';
import { quote } from '../remote-commands/quote.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { type RemoteScript, script } from '../remote-commands/script.ts';
import { hostScriptParts } from '../service/host-script-parts.ts';
import { ChangeProgress } from './change-progress.ts';
import type { HostDeploy, HostPlan, Phase } from './deploy-state.ts';
import { required } from './deploy-state.ts';
import { failureError, failureHint, failureText } from './host-failure.ts';

/** Everything that changes the host, in one session that undoes itself when it is cut off. */
export const applyPhase: Phase = {
  name: 'apply',
  async run(deploy: HostDeploy): Promise<void> {
    const { target, shared } = deploy;
    const { name } = target.settings;
    const details = deploy.sentBytes > 0 ? [`${formatBytes(deploy.sentBytes)} sent`] : [];
    details.push(...reused(required(deploy.plan, 'plan')));
    const progress = new ChangeProgress(name, shared.observer, details, 'stage');
    const current = deploy.facts?.current?.id;
    const untouched =
      current === undefined ? 'Nothing is deployed on the host.' : `The old release ${current} is untouched.`;
    let interrupted: unknown;
    const answer = await shared.gate.pass(async () => {
      try {
        return await runJsonScript(target.host, applyScript(deploy), (message) => progress.take(message), {
          holdStdin: true,
          signal: shared.signal,
        });
      } catch (error) {
        if (!shared.signal.aborted) throw error;
        interrupted = error;
        return null;
      }
    });
    if (progress.failure !== null) {
      if (progress.undone !== null) deploy.serving = progress.undone.release;
      // Going back to a release that serves is an outcome of its own; anything else is a failure.
      deploy.outcome =
        progress.undone?.healthy === true && progress.undone.release !== null ? 'rolled-back' : 'failed';
      throw failureError(
        name,
        progress.failure,
        failureText(progress.failure, progress.undone, untouched),
        failureHint(progress.undone),
      );
    }
    if (interrupted !== undefined) {
      throw new CodedError(
        ERRORS.INTERRUPTED,
        `${name}: interrupted; the host undoes what is not confirmed`,
        {
          cause: interrupted,
        },
      );
    }
    if (answer?.exitCode !== 0) {
      throw new CodedError(ERRORS.SCRIPT_BROKEN, `${name}: ${answer?.stderr.trim().slice(-400) ?? ''}`);
    }
    progress.end();
    deploy.outcome = 'changed';
  },
};

function reused({ desired, changes }: HostPlan): string[] {
  return desired.environments
    .filter(({ kind }) =>
      changes.every((change) => change.kind !== 'build-environment' || change.environment !== kind),
    )
    .map(({ kind }) => `${kind} env reused`);
}

function applyScript(deploy: HostDeploy): RemoteScript {
  const { target, shared } = deploy;
  const { settings } = target;
  const { desired, releaseId, release, environments } = required(deploy.plan, 'plan');
  const facts = required(deploy.facts, 'facts');
  const blobs = required(deploy.blobs, 'blobs');
  const imports = (kind: string): string =>
    desired.environments.find((one) => one.kind === kind)?.imports ?? '';
  return script([...hostScriptParts(settings), 'pruning', 'apply'], {
    ...changeVariables(shared.settings, settings, 'deploy'),
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
    SMOKE_MODEL: shared.settings.smokeTestModel ?? settings.smokeTestModel ?? '',
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
