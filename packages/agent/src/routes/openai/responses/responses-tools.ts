import type { ResponsesRequest, ToolChoice, ToolDefinition } from '@mlxfleet/protocol';
import { DEEPEST_SCHEMA, refuseDeep } from '../nesting.ts';
import { refuseTwins, toolChoiceAmong, toolDefinition } from '../tool-use.ts';

export interface ToolUse {
  /** As chat templates take them. */
  readonly tools: ToolDefinition[];
  readonly choice: ToolChoice;
}

/**
 * The tools of a request, and which of them are called.
 * @throws ApiError INVALID_VALUE for a choice that the tools cannot give, and for parameters that nest too deeply.
 */
export function responsesTools(request: Pick<ResponsesRequest, 'tools' | 'tool_choice'>): ToolUse {
  const given = request.tools ?? [];
  refuseTwins(given);
  const tools = given.map(({ name, description, parameters, strict }, index) => {
    refuseDeep(parameters, DEEPEST_SCHEMA, `tools.${String(index)}.parameters`);
    return toolDefinition(name, description, parameters, strict);
  });
  return { tools, ...chosen(request.tool_choice ?? null, tools) };
}

function chosen(
  choice: NonNullable<ResponsesRequest['tool_choice']> | null,
  tools: ToolDefinition[],
): Partial<ToolUse> & Pick<ToolUse, 'choice'> {
  if (choice === null || typeof choice === 'string') return { choice: toolChoiceAmong(choice, tools) };
  if (choice.type === 'function') return { choice: toolChoiceAmong({ name: choice.name }, tools) };
  for (const { name } of choice.tools) toolChoiceAmong({ name }, tools);
  const allowed = new Set(choice.tools.map(({ name }) => name));
  return { tools: tools.filter((tool) => allowed.has(tool.function.name)), choice: choice.mode };
}
