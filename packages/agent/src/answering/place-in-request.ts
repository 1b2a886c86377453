import { ApiError } from '../api-error.ts';

/** Fields of the APIs whose texts become a prompt, in the order in which a prompt has them as a rule. */
const PROMPT_FIELDS = ['tools', 'system', 'instructions', 'messages', 'input'] as const;

/** A worker's refusal, with its place in the request: the worker has the prompt alone, and the agent the request. */
export function placed(error: ApiError, body: unknown): ApiError {
  return withPlaceOfPages(withPlaceOfQuote(error, body), body);
}

/** Pages stand beside the file itself, which in a chat is one object further in than elsewhere. */
function withPlaceOfPages(error: ApiError, body: unknown): ApiError {
  const { definition, message, param } = error;
  const [, part] = /^(.*)\.pages$/s.exec(param ?? '') ?? [];
  if (part === undefined) return error;
  const document = part
    .split('.')
    .reduce<unknown>(
      (value, name) => (isObject(value) ? new Map(Object.entries(value)).get(name) : null),
      body,
    );
  if (!isObject(document) || !('file' in document)) return error;
  const place = `${part}.file.pages`;
  return new ApiError(definition, message.replace(`'${param}'`, `'${place}'`), {
    param: place,
    cause: error,
  });
}

/**
 * A worker's refusal of what a text holds, with the place of that text. As it was where the text is not in this request, but in an earlier turn that is kept here.
 */
function withPlaceOfQuote(error: ApiError, body: unknown): ApiError {
  const { definition, message, quote } = error;
  if (quote === null || !isObject(body)) return error;
  const fields = new Map(Object.entries(body));
  for (const name of PROMPT_FIELDS) {
    const param = placeOf(quote, fields.get(name), name);
    if (param !== null) {
      const sentence = `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
      return new ApiError(definition, `'${param}': ${sentence}`, { param, cause: error });
    }
  }
  return error;
}

/** Files of a request are texts too, in an alphabet that no such quote is of. */
function placeOf(quote: string, value: unknown, place: string): string | null {
  if (typeof value === 'string') return value.includes(quote) ? place : null;
  if (!isObject(value)) return null;
  for (const [name, below] of Object.entries(value)) {
    if (name.includes(quote)) return place;
    const found = placeOf(quote, below, `${place}.${name}`);
    if (found !== null) return found;
  }
  return null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
