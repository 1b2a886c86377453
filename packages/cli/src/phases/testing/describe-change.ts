import type { Change } from '../change.ts';

/** A change as one line for people. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case 'install-runtime':
      return `install ${change.name} ${change.version}`;
    case 'stage-release':
      return `stage release ${change.id}`;
    case 'build-environment':
      return `build the ${change.environment} environment ${change.name}`;
    case 'write-configuration':
      return 'write shared/config.yaml';
    case 'link-environments':
      return 'use other environments';
    case 'switch':
      return change.from === null ? `start with ${change.to}` : `switch from ${change.from} to ${change.to}`;
    case 'confirm':
      return `judge ${change.id}, which an earlier deploy did not finish`;
    case 'restart-service':
      return `restart the agent: ${change.reason}`;
    default:
      return change satisfies never;
  }
}
