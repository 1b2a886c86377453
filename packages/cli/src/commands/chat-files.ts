import { homedir } from 'node:os';
import { type Attachment, type AttachmentLimits, readAttachment } from '../agent-client/read-attachment.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { expandHome } from '../ssh/expand-path.ts';
import type { CommandContext } from './command-context.ts';

/** What files may be so large that one of the hosts takes them; the agent has the last word. */
function limitsOf(hosts: readonly ResolvedHost[]): AttachmentLimits {
  const images = hosts.map(({ agentConfig }) => agentConfig.images);
  return {
    maxImageBytes: Math.max(...images.map(({ max_bytes: bytes }) => bytes)),
    maxPdfBytes: Math.max(...images.map(({ max_pdf_bytes: bytes }) => bytes)),
  };
}

/** Reads files as `--image` and `/image` name them. */
export type ReadFile = (file: string) => Promise<Attachment>;

export function fileReader({ cwd, env }: CommandContext, hosts: readonly ResolvedHost[]): ReadFile {
  const limits = limitsOf(hosts);
  return async (file) => await readAttachment(expandHome(file, env['HOME'] ?? homedir()), cwd, limits);
}
