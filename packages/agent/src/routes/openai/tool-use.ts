import type { ToolChoice, ToolDefinition } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';

/** A function as chat templates take it; what is left out is not there. */
export function toolDefinition(
  name: string,
  description: string | null | undefined,
  parameters: Record<string, unknown> | null | undefined,
  strict: boolean | null | undefined,
): ToolDefinition {
  return {
    type: 'function',
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
      ...(strict == null ? {} : { strict }),
    },
  };
}

/** @throws ApiError INVALID_VALUE for two tools with one name: a call could not tell them apart. */
export function refuseTwins(tools: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name)) {
      const param = `tools.${String(index)}.name`;
      throw new ApiError(API_ERRORS.INVALID_VALUE, `'${param}': another tool has this name.`, { param });
    }
    names.add(name);
  }
}

/**
 * A choice among these tools.
 * @throws ApiError INVALID_VALUE for one that they cannot give.
 */
export function toolChoiceAmong(choice: ToolChoice | null, tools: readonly ToolDefinition[]): ToolChoice {
  if (tools.length === 0) {
    if (choice === null || choice === 'none' || choice === 'auto') return 'none';
    throw refusal("'tool_choice' asks for a call, and there are no tools.");
  }
  if (choice === null || typeof choice === 'string') return choice ?? 'auto';
  if (tools.some((tool) => tool.function.name === choice.name)) return choice;
  throw refusal(`'tool_choice' names the function '${choice.name}', which is not among the tools.`);
}

function refusal(message: string): ApiError {
  return new ApiError(API_ERRORS.INVALID_VALUE, message, { param: 'tool_choice' });
}
