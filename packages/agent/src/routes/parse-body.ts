import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/** The part of a zod issue that is looked at. */
interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Of a union: what each of its options says. */
  readonly errors?: readonly (readonly Issue[])[];
}

interface Schema<Output> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Output }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };
}

/**
 * The request body by its schema.
 * @throws ApiError that names the field as `messages.0.content`.
 */
export function parseBody<Output>(schema: Schema<Output>, body: unknown): Output {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError(API_ERRORS.INVALID_TYPE, 'The request body must be a JSON object.');
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const issue = deepest(first ?? { path: [], message: 'it is not understood' });
  const param = issue.path.map(String).join('.');
  const detail = issue.message.replace(/^Invalid input(: )?/, '') || 'none of the allowed forms';
  if (isMissing(body, issue)) {
    throw new ApiError(API_ERRORS.MISSING_REQUIRED_PARAMETER, `'${param}' is required.`, { param });
  }
  const isType = issue.code === 'invalid_type' || issue.code === 'invalid_union';
  throw new ApiError(isType ? API_ERRORS.INVALID_TYPE : API_ERRORS.INVALID_VALUE, `'${param}': ${detail}.`, {
    param: param === '' ? null : param,
  });
}

/** Of a union's issues, the one of the option that went furthest. */
function deepest(issue: Issue): Issue {
  const options = (issue.errors ?? []).flatMap((issues) => issues.slice(0, 1)).map(deepest);
  const furthest = options.reduce<Issue | null>(
    (best, option) => (option.path.length > (best?.path.length ?? 0) ? option : best),
    null,
  );
  if (furthest !== null) return { ...furthest, path: [...issue.path, ...furthest.path] };
  const expected = options.flatMap((option) => /expected (\w+)/.exec(option.message)?.[1] ?? []);
  if (expected.length === 0) return issue;
  return { ...issue, message: `expected ${[...new Set(expected)].join(' or ')}` };
}

function isMissing(body: unknown, issue: Issue): boolean {
  let value: unknown = body;
  for (const part of issue.path) {
    if (typeof value !== 'object' || value === null) return false;
    value = new Map<PropertyKey, unknown>(Object.entries(value)).get(String(part));
  }
  return value === undefined;
}
