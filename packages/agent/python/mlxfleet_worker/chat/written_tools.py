"""Tools for templates that have none: described in the system message, with calls and results as text.

The calls are written as most open models were taught to: a JSON object between <tool_call> and </tool_call>.
"""

import json
from typing import Any

from .history import Message, text_parts, with_text_before, with_text_behind

Content = str | list[dict[str, Any]]

INSTRUCTIONS = """\
You can call functions. Each line is the JSON schema of one of them:
{tools}

To call a function, write its name and its arguments as JSON between these tags, and nothing after the last call:
<tool_call>
{{"name": "function name", "arguments": {{"argument name": "value"}}}}
</tool_call>
The results come between <tool_response> and </tool_response>. Answer without a call where none is needed."""


def write_tools(messages: list[Message], tools: list[dict[str, Any]]) -> list[Message]:
    """Checked messages with the tools in the first system message, and without calls and results."""
    written = _write_history(messages)
    if not tools:
        return written
    described = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    instructions = INSTRUCTIONS.format(tools=described)
    first = written[0]
    if first["role"] in ("system", "developer"):
        content = f"{first['content']}\n\n{instructions}" if first["content"] else instructions
        return [{**first, "content": content}, *written[1:]]
    return [{"role": "system", "content": instructions}, *written]


def _write_history(messages: list[Message]) -> list[Message]:
    """Calls as text of the assistant, results as text of the user; neighbours of the user's become one message."""
    written: list[Message] = []
    follows_result = False
    for message in messages:
        if message["role"] == "tool":
            result = with_text_behind(with_text_before("<tool_response>\n", message["content"]), "\n</tool_response>")
            if follows_result:
                written[-1]["content"] = _joined(written[-1]["content"], "\n", result)
            else:
                written.append({"role": "user", "content": result})
            follows_result = True
            continue
        if message["role"] == "user" and follows_result:
            written[-1]["content"] = _joined(written[-1]["content"], "\n\n", message["content"])
        else:
            written.append(_write_calls(message))
        follows_result = False
    return written


def _joined(first: Content, between: str, second: Content) -> Content:
    second = with_text_before(between, second)
    if isinstance(second, str):
        return with_text_behind(first, second)
    return [*text_parts(first), *second]


def _write_calls(message: Message) -> Message:
    calls = message.get("tool_calls")
    if not calls:
        return message
    rest = {key: value for key, value in message.items() if key != "tool_calls"}
    texts = [message["content"]] if message["content"] else []
    for call in calls:
        function = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        texts.append(f"<tool_call>\n{json.dumps(function, ensure_ascii=False)}\n</tool_call>")
    return {**rest, "content": "\n".join(texts)}
