"""What a chat template can do, learnt by rendering short conversations with it."""

from dataclasses import replace
from itertools import product
from typing import Any

from .history import HistoryShape, Message, shape_history
from .template import ChatTemplate

TOOL = {
    "type": "function",
    "function": {
        "name": "probe_function",
        "description": "probe",
        "parameters": {"type": "object", "properties": {"probe_key": {"type": "string", "description": "probe"}}},
    },
}
QUESTION = {"role": "user", "content": "probe_question"}


def takes_tools(template: ChatTemplate) -> bool:
    """Whether tools that are given to the template appear in the prompt."""
    return "probe_function" in (template.text([QUESTION], [TOOL]) or "")


def system_shape(template: ChatTemplate) -> HistoryShape:
    """Which roles of instructions the template has."""
    with_system = template.text([{"role": "system", "content": "probe_system"}, QUESTION])
    # A template that refuses even the question tells nothing about system messages.
    has_system = "probe_system" in (with_system or "") or template.text([QUESTION]) is None
    return HistoryShape(has_system=has_system, has_developer="developer" in template.source)


def tool_history_shape(template: ChatTemplate, base: HistoryShape) -> HistoryShape | None:
    """How calls and results have to look for the template; None where it has no place for them."""
    for arguments_as_text, short_ids in product((False, True), repeat=2):
        shape = replace(base, arguments_as_text=arguments_as_text, short_ids=short_ids)
        if _shows(template, shape, ["probe_function"]):
            two = ["probe_function", "probe_second"]
            one_call = not _shows(template, shape, two) and _shows(template, replace(shape, one_call=True), two)
            return replace(shape, one_call=one_call)
    return None


def _shows(template: ChatTemplate, shape: HistoryShape, names: list[str]) -> bool:
    """Whether a conversation with a call of each name comes out with the names, the arguments and the results."""
    text = template.text(shape_history(_conversation(names), shape), [TOOL])
    if text is None:
        return False
    # Python's way to write an object, or JSON inside of a text.
    is_spoilt = "'probe_key'" in text or '\\"probe_key\\"' in text
    return not is_spoilt and all(
        part in text for name in names for part in (name, f"value_of_{name}", f"result_of_{name}")
    )


def _conversation(names: list[str]) -> list[Message]:
    calls: list[dict[str, Any]] = [
        {
            "id": f"call_{n:024x}",
            "type": "function",
            "function": {"name": name, "arguments": {"probe_key": f"value_of_{name}"}},
        }
        for n, name in enumerate(names)
    ]
    results = [
        {
            "role": "tool",
            "tool_call_id": call["id"],
            "name": call["function"]["name"],
            "content": f"result_of_{call['function']['name']}",
        }
        for call in calls
    ]
    return [QUESTION, {"role": "assistant", "content": "", "tool_calls": calls}, *results]
