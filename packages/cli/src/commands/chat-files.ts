import { homedir } from 'node:os';
import { CodedError } from '@mlxfleet/protocol';
import {
  type Attachment,
  type AttachmentLimits,
  isAttachment,
  readAttachment,
} from '../agent-client/read-attachment.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';
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

/**
 * Refuses files among the words of a prompt: `--image a.png b.png` shows one file and asks about nothing. A prompt that
 * only begins with the name of a file may mean it, unless other files are shown.
 * @param words of the prompt, as the shell gave them.
 * @param shown files of `--image`.
 * @throws CodedError WRONG_USAGE.
 */
export async function refuseStrayFiles(
  { cwd }: Pick<CommandContext, 'cwd'>,
  words: readonly string[],
  shown: readonly string[],
): Promise<void> {
  const stray: string[] = [];
  for (const word of words) {
    if (shown.includes(word) || !(await isAttachment(word, cwd))) break;
    stray.push(word);
  }
  const [first] = stray;
  const asked = words.slice(stray.length).join(' ');
  if (first === undefined || (asked !== '' && shown.length === 0)) return;
  const images = [...shown, ...stray].map((file) => `--image ${file}`).join(' ');
  throw new CodedError(ERRORS.WRONG_USAGE, `${first} is a file, and would be the prompt`, {
    hint: `Name --image once for each file: mlxfleet chat ${images} "${asked === '' ? 'What is this?' : asked}"`,
  });
}
