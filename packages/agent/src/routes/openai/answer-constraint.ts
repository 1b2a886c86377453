import type { Constraint, ResponseFormat } from '@mlxfleet/protocol';
import { DEEPEST_SCHEMA, refuseDeep } from './nesting.ts';

/**
 * What the text of each choice has to match; null for any text. A schema is followed exactly, strict or not.
 * @throws ApiError INVALID_VALUE for a schema that nests too deeply.
 */
export function answerConstraint(format: ResponseFormat | null | undefined): Constraint | null {
  switch (format?.type) {
    case 'json_object':
      return { kind: 'json_object' };
    case 'json_schema':
      refuseDeep(format.json_schema.schema, DEEPEST_SCHEMA, 'response_format.json_schema.schema');
      return { kind: 'json_schema', schema: format.json_schema.schema };
    default:
      return null;
  }
}
