import { z } from 'zod';

type Schema = z.core.$ZodType;

/** The schemas that a value may follow: several where the schema is a union, none of them optional. */
function unwrap(schema: Schema): Schema[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap);
  if (schema instanceof z.ZodOptional) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodNullable) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodDefault) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPrefault) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  return [schema];
}

function stepInto(schema: Schema, part: PropertyKey): Schema[] {
  if (schema instanceof z.ZodArray) return unwrap(schema.element);
  if (schema instanceof z.ZodRecord) return unwrap(schema.valueType);
  if (!(schema instanceof z.ZodObject)) return [];
  const next: Schema | undefined = schema.shape[String(part)];
  return next === undefined ? [] : unwrap(next);
}

/** Keys that the schema knows for the object at a path; empty where it is no object or takes any key. */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): string[] {
  let candidates = unwrap(schema);
  for (const part of path) candidates = candidates.flatMap((candidate) => stepInto(candidate, part));
  return candidates.flatMap((candidate) =>
    candidate instanceof z.ZodObject ? Object.keys(candidate.shape) : [],
  );
}
