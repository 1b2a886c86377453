import type { ChatRequest, Tool, ToolChoice, ToolDefinition } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { DEEPEST_SCHEMA, refuseDeep } from './nesting.ts';

/**
 * The tools as chat templates take them.
 * @throws ApiError INVALID_VALUE for parameters that nest too deeply.
 */
export function toolDefinitions(tools: readonly Tool[]): ToolDefinition[] {
  return tools.map(({ function: { name, description, parameters, strict } }, index) => {
    refuseDeep(parameters, DEEPEST_SCHEMA, `tools.${String(index)}.function.parameters`);
    return {
      type: 'function',
      function: {
        name,
        ...(description == null ? {} : { description }),
        ...(parameters == null ? {} : { parameters }),
        ...(strict == null ? {} : { strict }),
      },
    };
  });
}

/**
 * Which tools are called. Without tools, a choice that needs none passes.
 * @throws ApiError INVALID_VALUE for a choice that the tools cannot give.
 */
export function toolChoice({
  tool_choice: choice,
  tools,
}: Pick<ChatRequest, 'tool_choice' | 'tools'>): ToolChoice {
  const given = tools ?? [];
  if (given.length === 0) {
    if (choice == null || choice === 'none' || choice === 'auto') return 'none';
    throw refusal("'tool_choice' asks for a call, and there are no tools.");
  }
  if (choice == null || typeof choice === 'string') return choice ?? 'auto';
  const { name } = choice.function;
  if (given.some((tool) => tool.function.name === name)) return { name };
  throw refusal(`'tool_choice' names the function '${name}', which is not among the tools.`);
}

function refusal(message: string): ApiError {
  return new ApiError(API_ERRORS.INVALID_VALUE, message, { param: 'tool_choice' });
}
