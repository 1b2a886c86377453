import { joinContents, type MessageContent } from './message-content.ts';

/** A message as chat templates take it. */
type TemplateMessage = Record<string, unknown>;

interface SaidMessage extends TemplateMessage {
  readonly role: 'system' | 'user';
  content: MessageContent;
}

interface AssistantMessage extends TemplateMessage {
  readonly role: 'assistant';
  content: string;
  reasoning_content?: string;
  tool_calls?: TemplateMessage[];
}

export interface FunctionCall {
  readonly id: string;
  readonly name: string;
  /** Text of a JSON object. */
  readonly arguments: string;
}

/**
 * Puts a conversation together for a chat template out of the pieces in which other APIs than chat completions tell it.
 * What an assistant says in a row, reasoning and calls included, becomes one message.
 */
export class TemplateMessages {
  readonly messages: TemplateMessage[] = [];
  readonly #joinsUsers: boolean;
  /** Function names by the ids of their calls: templates name the function in front of its result. */
  readonly #names = new Map<string, string>();
  readonly #unanswered = new Set<string>();
  /** The last message where the system or the user said it; null otherwise. */
  #said: SaidMessage | null = null;
  /** The same of the assistant. */
  #assistant: AssistantMessage | null = null;

  /** @param joinsUsers whether what the user says in a row is one message also. */
  constructor(joinsUsers: boolean) {
    this.#joinsUsers = joinsUsers;
  }

  /** Id of a call without a result; null when each has one. */
  get unanswered(): string | null {
    const [id = null] = this.#unanswered;
    return id;
  }

  /** System messages in a row are one: many templates take no second one. */
  system(text: string): void {
    this.#say('system', text, true);
  }

  user(content: MessageContent): void {
    this.#say('user', content, this.#joinsUsers);
  }

  /** Comes before what it led to. */
  reasoning(text: string): void {
    if (text === '') return;
    const current = this.#assistant;
    const isLater = current !== null && (current.content !== '' || current.tool_calls !== undefined);
    const message = current === null || isLater ? this.#newAssistant() : current;
    message.reasoning_content = joined(message.reasoning_content, text);
  }

  assistant(text: string): void {
    const message = this.#assistant ?? this.#newAssistant();
    message.content = message.content === '' ? text : joined(message.content, text);
  }

  call({ id, name, arguments: args }: FunctionCall): void {
    const message = this.#assistant ?? this.#newAssistant();
    message.tool_calls = [
      ...(message.tool_calls ?? []),
      { id, type: 'function', function: { name, arguments: args } },
    ];
    this.#names.set(id, name);
    this.#unanswered.add(id);
  }

  /** What a call gave; false when there was no such call. */
  result(id: string, content: MessageContent): boolean {
    const name = this.#names.get(id);
    if (name === undefined) return false;
    this.#unanswered.delete(id);
    this.#add({ role: 'tool', content, tool_call_id: id, name });
    return true;
  }

  #say(role: 'system' | 'user', content: MessageContent, joins: boolean): void {
    const said = this.#said;
    if (joins && said?.role === role) {
      said.content = joinContents(said.content, content, '\n');
      return;
    }
    const message: SaidMessage = { role, content };
    this.#add(message);
    this.#said = message;
  }

  #newAssistant(): AssistantMessage {
    const message: AssistantMessage = { role: 'assistant', content: '' };
    this.#add(message);
    this.#assistant = message;
    return message;
  }

  #add(message: TemplateMessage): void {
    this.messages.push(message);
    this.#said = null;
    this.#assistant = null;
  }
}

function joined(first: string | undefined, second: string): string {
  return first === undefined ? second : `${first}\n${second}`;
}
