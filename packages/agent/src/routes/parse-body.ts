import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { type Issue, issueText } from './issue-text.ts';
import { isShown, nameHere } from './part-names.ts';

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
  // Of a field that should not be there, the path leads only to the object around it.
  const param = [...issue.path, ...(issue.keys ?? []).slice(0, 1)].map(String).join('.');
  if (isMissing(body, issue)) {
    throw new ApiError(API_ERRORS.MISSING_REQUIRED_PARAMETER, `'${param}' is required.`, { param });
  }
  const definition = isOfType(issue) ? API_ERRORS.INVALID_TYPE : API_ERRORS.INVALID_VALUE;
  throw new ApiError(definition, `'${param}': ${issueText(issue)}${namingAdvice(body, issue)}.`, { param });
}

/** A union that a field tells apart complains of that field's value. */
function isOfType({ code, options }: Issue): boolean {
  return code === 'invalid_type' || (code === 'invalid_union' && options === undefined);
}

/** Of a union's issues, the one of the option that went furthest. */
function deepest(issue: Issue): Issue {
  const options = (issue.errors ?? []).flatMap((issues) => issues.slice(0, 1)).map(deepest);
  const furthest = options.reduce<Issue | null>(
    (best, option) => (distance(option) > (best === null ? 0 : distance(best)) ? option : best),
    null,
  );
  if (furthest !== null) return { ...furthest, path: [...issue.path, ...furthest.path] };
  const expected = options.flatMap((option) => /expected (\w+)/.exec(issueText(option))?.[1] ?? []);
  if (expected.length === 0) return issue;
  return { ...issue, message: `expected ${[...new Set(expected)].join(' or ')}` };
}

/** Deeper is further; at the same depth, a value that has the right type. */
function distance(issue: Issue): number {
  return 2 * issue.path.length + (isOfType(issue) ? 0 : 1);
}

/** For the part of a message that is named as another API has it, or that is in the wrong message; empty for everything else. */
function namingAdvice(body: unknown, { path, options = [] }: Issue): string {
  const type = fieldAt(body, path)?.value;
  const name = nameHere(type, options);
  if (name === null && options.length > 0 && isShown(type)) {
    return '; images and documents stand in messages of the user and in what tools give';
  }
  return name === null ? '' : `; what other APIs call '${String(type)}' is '${name}' here`;
}

/** A field that is null counts as left out; null in a list is an item like others. */
function isMissing(body: unknown, { path }: Issue): boolean {
  const field = fieldAt(body, path);
  return field !== null && (field.value === undefined || (field.value === null && !field.isItem));
}

/** What a path leads to, and whether that is in a list; null where there is nothing that could have such a field. */
function fieldAt(
  body: unknown,
  path: readonly PropertyKey[],
): { readonly value: unknown; readonly isItem: boolean } | null {
  let value: unknown = body;
  let isItem = false;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return null;
    isItem = Array.isArray(value);
    value = new Map<PropertyKey, unknown>(Object.entries(value)).get(String(part));
  }
  return { value, isItem };
}
