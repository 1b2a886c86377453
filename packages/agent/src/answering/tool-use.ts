import type { ToolChoice, ToolDefinition } from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { DEEPEST_SCHEMA, refuseDeep } from './nesting.ts';

/** A function as a request of any API gives it. */
interface GivenTool {
  readonly name: string;
  readonly description?: string | null | undefined;
  /** JSON schema of the arguments. */
  readonly parameters?: Record<string, unknown> | null | undefined;
  readonly strict?: boolean | null | undefined;
}

/** Where the fields of a tool stand in a request, for errors. */
interface ToolFields {
  readonly name: string;
  readonly parameters: string;
}

/**
 * The tools as chat templates take them; what is left out is not there.
 * @throws ApiError INVALID_VALUE for two with one name, which a call could not tell apart, and for parameters that nest too
 *   deeply.
 */
export function toolDefinitions(tools: readonly GivenTool[], fields: ToolFields): ToolDefinition[] {
  const names = new Set<string>();
  return tools.map(({ name, description, parameters, strict }, index) => {
    const place = `tools.${String(index)}`;
    if (names.has(name)) {
      const param = `${place}.${fields.name}`;
      throw new ApiError(API_ERRORS.INVALID_VALUE, `'${param}': another tool has this name.`, { param });
    }
    names.add(name);
    refuseDeep(parameters, DEEPEST_SCHEMA, `${place}.${fields.parameters}`);
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
