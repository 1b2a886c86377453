import { CodedError, openAiErrorSchema } from '@mlxfleet/protocol';
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
  return new CodedError(ERRORS.AGENT_REFUSED, `${host}: ${message}`, {
    hint: code === null ? `See \`mlxfleet logs ${host}\`.` : `The agent calls this ${code}.`,
  });
}

/** Advice for answers of another version, by the protocol version that the agent names. */
export function protocolMismatch(host: string, theirs: number, ours: number): CodedError {
  const advice =
    theirs < ours
      ? `Upgrade the agent: mlxfleet deploy ${host}`
      : 'Upgrade this mlxfleet; start, stop, logs, exec and rollback still work.';
  return new CodedError(
    ERRORS.PROTOCOL_MISMATCH,
    `${host}: the agent speaks protocol version ${theirs}, this mlxfleet ${ours}`,
    { hint: advice },
  );
}

/** Advice for a connection that did not come about although the host was reached. */
export function notRunning(host: string, cause: unknown): CodedError {
  return new CodedError(ERRORS.AGENT_NOT_RUNNING, `${host}: the agent does not run`, {
    hint: `Start it: mlxfleet start ${host}`,
    cause,
  });
}
