import type { ResponseInputItem, ResponsesRequest } from '@mlxfleet/protocol';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import type { ResponseStore } from '../../../responses/response-store.ts';
import { responseOfItem } from './response-object.ts';
import type { ResponsesInput } from './responses-plan.ts';

/**
 * Looks up what a request refers to: the response that it goes on from, and single items.
 * @throws ApiError PREVIOUS_RESPONSE_NOT_FOUND, CONTEXT_LENGTH_EXCEEDED or INVALID_VALUE.
 */
export function responsesInput(
  request: ResponsesRequest,
  owner: string,
  store: ResponseStore,
): ResponsesInput {
  const { input, previous_response_id: previous } = request;
  const earlier = previous == null ? [] : conversation(previous, owner, store);
  const items: ResponseInputItem[] =
    typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : input;
  if (earlier.length + items.length === 0) {
    throw new ApiError(API_ERRORS.INVALID_VALUE, "'input': must have at least 1 item.", { param: 'input' });
  }
  return {
    request,
    earlier,
    input: items.map((item, index) =>
      item.type === 'item_reference' || item.type === null ? referenced(item.id, index, owner, store) : item,
    ),
  };
}

function conversation(id: string, owner: string, store: ResponseStore): ResponseInputItem[] {
  const found = store.conversation(id, owner);
  if ('items' in found) return found.items;
  const { definition, text } = MISSING[found.missing];
  throw new ApiError(definition, text(id), { param: 'previous_response_id' });
}

const MISSING = {
  unknown: {
    definition: API_ERRORS.PREVIOUS_RESPONSE_NOT_FOUND,
    text: (id: string) => `Previous response with id '${id}' not found.`,
  },
  incomplete: {
    definition: API_ERRORS.PREVIOUS_RESPONSE_NOT_FOUND,
    text: (id: string) => `An earlier response of the conversation of '${id}' is no longer stored.`,
  },
  'too-long': {
    definition: API_ERRORS.CONTEXT_LENGTH_EXCEEDED,
    text: (id: string) => `The conversation of '${id}' is longer than one request may be.`,
  },
};

function referenced(id: string, index: number, owner: string, store: ResponseStore): ResponseInputItem {
  const responseId = responseOfItem(id);
  const items = responseId === null ? null : store.output(responseId, owner);
  const item = items?.find((each) => each['id'] === id);
  if (item !== undefined) return item;
  const param = `input.${String(index)}.id`;
  throw new ApiError(API_ERRORS.INVALID_VALUE, `'${param}': item with id '${id}' not found.`, { param });
}
