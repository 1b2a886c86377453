import type { EnvironmentKind } from '@mlxfleet/protocol';
import type { RuntimeName } from '../release/runtime-table.ts';

/** One thing that a deploy changes on a host. */
export type Change =
  | { readonly kind: 'install-runtime'; readonly name: RuntimeName; readonly version: string }
  | { readonly kind: 'stage-release'; readonly id: string }
  | { readonly kind: 'build-environment'; readonly environment: EnvironmentKind; readonly name: string }
  | { readonly kind: 'write-configuration' }
  | { readonly kind: 'link-environments' }
  | { readonly kind: 'switch'; readonly from: string | null; readonly to: string }
  | { readonly kind: 'confirm'; readonly id: string }
  | { readonly kind: 'restart-service'; readonly reason: string };

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
