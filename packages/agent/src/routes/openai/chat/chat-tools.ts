import type { ChatRequest, ToolChoice, ToolDefinition } from '@mlxfleet/protocol';
import { toolChoiceAmong, toolDefinitions } from '../../../answering/tool-use.ts';

/**
 * The tools of a chat request.
 * @throws ApiError INVALID_VALUE for tools that cannot be.
 */
export function chatTools(tools: ChatRequest['tools']): ToolDefinition[] {
  const given = (tools ?? []).map((tool) => tool.function);
  return toolDefinitions(given, { name: 'function.name', parameters: 'function.parameters' });
}

/**
 * Which of them are called.
 * @throws ApiError INVALID_VALUE for a choice that they cannot give.
 */
export function chatToolChoice(
  choice: ChatRequest['tool_choice'],
  tools: readonly ToolDefinition[],
): ToolChoice {
  const chosen =
    choice == null || typeof choice === 'string' ? (choice ?? null) : { name: choice.function.name };
  return toolChoiceAmong(chosen, tools);
}
