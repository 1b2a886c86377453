import { formatBytes } from '../output/quantities.ts';
import type { Blob } from '../release/package-release.ts';
import type { HostDeploy, Phase } from './deploy-state.ts';
import { required } from './deploy-state.ts';
import { type BlobName, bytesToSend } from './wanted-blobs.ts';

/** Sends what the host lacks, from where an earlier deploy stopped. Files are named by their hash until they count. */
export const sendPhase: Phase = {
  name: 'send',
  async run(deploy: HostDeploy): Promise<void> {
    const { target, shared } = deploy;
    const { name } = target.settings;
    const facts = required(deploy.facts, 'facts');
    const root = required(facts.system?.root, 'root');
    shared.observer.hostStep(name, 'stage', 'begin', '');
    const wanted = await wantedBlobs(deploy);
    const total = [...wanted.values()].reduce((sum, blob) => sum + blob.bytes, 0);
    const blobs = new Map<BlobName, string>();
    let before = 0;
    for (const [blobName, blob] of wanted) {
      blobs.set(blobName, blob.sha256);
      const lacking = bytesToSend(blob, facts.incoming, deploy.resumesUploads);
      if (lacking > 0) {
        const start = before;
        await shared.gate.pass(async () =>
          target.host.upload(blob.path, `${root}/deploy/incoming/${blob.sha256}`, {
            offset: blob.bytes - lacking,
            signal: shared.signal,
            onProgress: (sent) => {
              shared.observer.hostStep(
                name,
                'stage',
                'progress',
                `${formatBytes(start + sent)} of ${formatBytes(total)}`,
              );
            },
          }),
        );
        deploy.sentBytes += lacking;
      }
      before += blob.bytes;
    }
    deploy.blobs = blobs;
  },
};

async function wantedBlobs(deploy: HostDeploy): Promise<Map<BlobName, Blob>> {
  const { desired, release, changes } = required(deploy.plan, 'plan');
  const wanted = new Map<BlobName, Blob>();
  for (const change of changes) {
    if (change.kind === 'stage-release' && release !== null) wanted.set('release', release.blob);
    if (change.kind === 'install-runtime') {
      deploy.shared.observer.hostStep(
        deploy.target.settings.name,
        'stage',
        'progress',
        `fetching ${change.name} ${change.version}`,
      );
      wanted.set(
        change.name,
        await deploy.shared.runtimes.blob(change.name, desired.platform, deploy.shared.signal),
      );
    }
  }
  return wanted;
}
