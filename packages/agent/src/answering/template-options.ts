import type { ChatRequest } from '@mlxfleet/protocol';
import { DEEPEST_OPTION, refuseDeep } from './nesting.ts';

type TemplateFields = Pick<ChatRequest, 'chat_template_kwargs' | 'enable_thinking' | 'reasoning_effort'>;

/**
 * Variables of the template; those that the client spells out go before those that stand for a wish. What an effort means
 * for `enable_thinking` depends on the model, so the worker says it.
 */
export function templateOptions(request: TemplateFields): Record<string, unknown> {
  const { chat_template_kwargs: own, enable_thinking: thinks, reasoning_effort: effort } = request;
  refuseDeep(own, DEEPEST_OPTION, 'chat_template_kwargs');
  return {
    ...(effort == null ? {} : { reasoning_effort: effort }),
    ...(thinks == null ? {} : { enable_thinking: thinks }),
    ...own,
  };
}
