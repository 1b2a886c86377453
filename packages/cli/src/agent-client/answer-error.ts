import { CodedError, openAiErrorSchema, PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** What an agent says instead of an answer, as an error for a person. */
export function answerError(host: string, status: number, body: unknown): CodedError {
  const parsed = openAiErrorSchema.safeParse(body);
  if (!parsed.success) {
    return new CodedError(
      ERRORS.AGENT_ANSWER_BROKEN,
      `${host}: the agent answered with HTTP status ${status}`,
    );
  }
  const { message, code } = parsed.data.error;
  return new CodedError(ERRORS.AGENT_REFUSED, `${host}: ${message}`, { hint: refusalHint(host, code) });
}

function refusalHint(host: string, code: string | null): string {
  if (code === null) return `See \`mlxfleet logs ${host}\`.`;
  if (code === 'model_not_found') {
    return `\`mlxfleet status ${host}\` shows what is loaded, \`GET /v1/models\` all that the host has.`;
  }
  if (code === 'model_load_failed' || code === 'worker_broken') {
    return `\`mlxfleet logs ${host} --worker MODEL\` has the log of its worker.`;
  }
  if (code === 'images_not_supported') {
    return 'Name a vision model with `--model ID`; `GET /v1/models` tells which ones take images.';
  }
  if (code === 'vision_environment_missing') {
    return `Set \`vision: true\` for ${host} in the inventory, then: mlxfleet deploy ${host}`;
  }
  return `The agent calls this ${code}.`;
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
