import { CodedError, openAiErrorSchema, PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** The file that stands at a place of a request, such as `messages.0.content.1`, by name; null where none does. */
export type FileAt = (param: string) => string | null;

/** What an agent says instead of an answer, as an error for a person. `fileAt` has the places told as the person's own files. */
export function answerError(
  host: string,
  status: number,
  body: unknown,
  fileAt: FileAt = () => null,
): CodedError {
  const parsed = openAiErrorSchema.safeParse(body);
  if (!parsed.success) {
    return new CodedError(
      ERRORS.AGENT_ANSWER_BROKEN,
      `${host}: the agent answered with HTTP status ${status}`,
    );
  }
  const { message, code, param } = parsed.data.error;
  // A limit of all images together is no fault of the one that happens to be beyond it.
  const isOfFile = param !== null && code !== 'too_many_images';
  const told = (isOfFile ? ofFile(message, param, fileAt(param)) : message).replaceAll(
    /\bwith `pages`/g,
    'with `--pages`',
  );
  const hint = MESSAGE_HINTS.find(([pattern]) => pattern.test(message))?.[1];
  return new CodedError(ERRORS.AGENT_REFUSED, `${host}: ${told}`, { hint: hint ?? refusalHint(host, code) });
}

/** The agent begins with the place of what it refuses, as a rule; the person knows the file by its name alone. */
function ofFile(message: string, param: string, file: string | null): string {
  if (file === null) return message;
  const place = `'${param}': `;
  return `${file}: ${message.startsWith(place) ? message.slice(place.length) : message}`;
}

/** What to do about what only the words of a refusal tell apart from others of its code. */
const MESSAGE_HINTS: readonly (readonly [RegExp, string])[] = [
  [/is encrypted/, 'Save a copy without a password, and show that.'],
  [
    /is asked for, and the document has|ends before it begins|runs backwards/,
    'Name pages that it has with `--pages`, such as 1-3,5; in a conversation with /image FILE PAGES.',
  ],
  [
    /than a request may have: .*max_pdf_pages/,
    'Name fewer with `--pages`, such as 1-3,5, in a conversation with /image FILE PAGES; or raise `images.max_pdf_pages` in the inventory and deploy.',
  ],
  [
    /Page .* of the document/,
    'Leave that page out with `--pages`, in a conversation with /image FILE PAGES.',
  ],
  [
    /chat template writes for an image/,
    'Say it without that. In a conversation, /clear takes the files away where an earlier message has it.',
  ],
];

/** What to do about refusals that are the same on every host. */
const REFUSAL_HINTS: Readonly<Record<string, string>> = {
  invalid_media:
    'Images are PNG, JPEG, WebP, GIF or AVIF, documents are PDF. Try whether another program opens the file.',
  media_too_large: 'Send a smaller one, or raise the limit under `images` in the inventory and deploy.',
  too_many_images:
    'Send fewer, those of earlier messages included, or raise `images.max_images` in the inventory and deploy.',
  memory_exhausted:
    'Try again when others have finished. If that does not help: unload a model, choose a smaller one, send less, or raise the memory limit.',
};

function refusalHint(host: string, code: string | null): string {
  if (code === null) return `See \`mlxfleet logs ${host}\`.`;
  if (code === 'model_not_found') {
    return `\`mlxfleet status ${host}\` shows what is loaded, \`GET /v1/models\` all that the host has.`;
  }
  if (code === 'model_load_failed' || code === 'worker_broken') {
    return `\`mlxfleet logs ${host} --worker MODEL\` has the log of its worker.`;
  }
  if (code === 'vision_environment_missing') {
    return `Set \`vision: true\` for ${host} in the inventory, then: mlxfleet deploy ${host}`;
  }
  if (code === 'images_not_supported') {
    return `Name a vision model with \`--model ID\`; \`GET /v1/models\` tells which ones take images. Without one: set \`vision: true\` for ${host} and list one under \`models\` in the inventory, such as mlx-community/SmolVLM-500M-Instruct-bf16, then: mlxfleet deploy ${host}. docs/vision.md tells more.`;
  }
  return REFUSAL_HINTS[code] ?? `The agent calls this ${code}.`;
}

/** Advice for an agent of another protocol version; null when it names ours, or none. */
export function protocolMismatch(host: string, theirs: number | null): CodedError | null {
  if (theirs === null || theirs === PROTOCOL_VERSION) return null;
  const advice =
    theirs < PROTOCOL_VERSION
      ? `Upgrade the agent: mlxfleet deploy ${host}`
      : 'Upgrade this mlxfleet; start, stop, logs, exec and rollback still work.';
  return new CodedError(
    ERRORS.PROTOCOL_MISMATCH,
    `${host}: the agent speaks protocol version ${theirs}, this mlxfleet ${PROTOCOL_VERSION}`,
    { hint: advice },
  );
}

/**
 * What it means that a stream to the agent could not be opened. A host that was reached rejects with AGENT_UNHEALTHY,
 * since nobody listens there; a host that is away has codes of its own.
 */
export function connectError(host: string, error: unknown): unknown {
  if (!(error instanceof CodedError) || error.code !== ERRORS.AGENT_UNHEALTHY.code) return error;
  return new CodedError(ERRORS.AGENT_NOT_RUNNING, `${host}: the agent does not run`, {
    hint: `Start it: mlxfleet start ${host}`,
    cause: error,
  });
}
