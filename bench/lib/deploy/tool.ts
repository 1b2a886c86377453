import type { ToolResult } from '../../../test/e2e/fleet/run-tool.ts';
import type { Build } from './build.ts';
import type { RoundTripMs } from './distances.ts';

/** Longest time of one command: file by file, over a long way and on a busy machine, some take minutes. */
export const COMMAND_TIMEOUT_MS = 900_000;

/** How a tool makes sure of the files of a release. */
export type Form =
  /** One archive that is unpacked, and one command that checks every file in it. */
  | 'archive'
  /** Each file by itself, with the tool's own module for a folder. */
  | 'files';

/** Something that deploys to a host of its own. */
export interface DeployTool {
  readonly name: string;
  /** The forms that it knows; the first is the faster one. */
  readonly forms: readonly Form[];
  /** Name of its host in the fleet. */
  readonly host: string;
  /** Brings a host to a build; the second time it finds nothing to do. */
  deploy(build: Build, roundTripMs: RoundTripMs, form: Form): Promise<ToolResult>;
  /** Back to a build that the host has already, which it served before the current one. */
  rollback(build: Build, roundTripMs: RoundTripMs): Promise<ToolResult>;
  /** Ends what it keeps running between commands, so that the next one starts as the first of a day. */
  rest(): Promise<void>;
}
