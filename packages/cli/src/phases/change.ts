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
