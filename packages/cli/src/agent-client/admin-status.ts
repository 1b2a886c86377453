import { type AdminStatus, adminStatusSchema, PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { z } from 'zod';

/** What an agent says of itself. */
export interface AgentAnswer {
  /** Null when it speaks another protocol version, or in a way that is not understood. */
  readonly status: AdminStatus | null;
  /** The protocol version that it names; null when it names none. */
  readonly protocolVersion: number | null;
}

/** The one field that every version has where it is. */
const anyVersionSchema = z.object({ protocol_version: z.int() });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Reads the answer of `GET /admin/status`. The protocol version is read first, whatever else is in it: fields of another
 * version may mean something else even where they look the same.
 */
export function readAdminStatus(text: string): AgentAnswer {
  const value = parseJson(text);
  const protocolVersion = anyVersionSchema.safeParse(value).data?.protocol_version ?? null;
  const status = protocolVersion === PROTOCOL_VERSION ? adminStatusSchema.safeParse(value).data : undefined;
  return { status: status ?? null, protocolVersion };
}
