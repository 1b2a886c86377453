import type { Constraint, ResponseFormat } from '@mlxfleet/protocol';
import { DEEPEST_SCHEMA, refuseDeep } from './nesting.ts';

/** What the text of each choice has to match; null for any text. A schema is followed exactly, strict or not. */
export function answerConstraint(format: ResponseFormat | null | undefined): Constraint | null {
  switch (format?.type) {
    case 'json_object':
      return { kind: 'json_object' };
    case 'json_schema':
      return schemaConstraint(format.json_schema.schema, 'response_format.json_schema.schema');
    default:
      return null;
  }
}

/**
 * @param param the field that holds the schema.
 * @throws ApiError INVALID_VALUE for one that nests too deeply.
 */
export function schemaConstraint(schema: Record<string, unknown>, param: string): Constraint {
  refuseDeep(schema, DEEPEST_SCHEMA, param);
  return { kind: 'json_schema', schema };
}
