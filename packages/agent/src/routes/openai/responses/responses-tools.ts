import type { ResponsesRequest, ToolChoice, ToolDefinition } from '@mlxfleet/protocol';
import { toolChoiceAmong, toolDefinitions } from '../../../answering/tool-use.ts';

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
  const tools = toolDefinitions(request.tools ?? [], { name: 'name', parameters: 'parameters' });
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
