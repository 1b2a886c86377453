"""What a chat template can do, learnt by rendering short conversations with it."""

from dataclasses import replace
from itertools import product
from typing import Any

from .history import HistoryShape, Message, shape_history, text_parts
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
    return "probe_function" in (template.probe([QUESTION], [TOOL]) or "")


def system_shape(template: ChatTemplate) -> HistoryShape:
    """Which roles of instructions the template has, and whether it takes texts as they are."""
    parts_only = _takes_parts_only(template)
    shape = HistoryShape(parts_only=parts_only)
    question = shape_history([QUESTION], shape)
    system = shape_history([{"role": "system", "content": "probe_system"}, QUESTION], shape)
    with_system = template.probe(system)
    # A template that refuses even the question tells nothing about system messages.
    has_system = "probe_system" in (with_system or "") or template.probe(question) is None
    return HistoryShape(has_system=has_system, has_developer="developer" in template.source, parts_only=parts_only)


def _takes_parts_only(template: ChatTemplate) -> bool:
    """Whether a text is lost unless it is a part of a list, as in some templates of vision models."""
    if "probe_question" in (template.probe([QUESTION]) or ""):
        return False
    return "probe_question" in (template.probe([{**QUESTION, "content": text_parts(QUESTION["content"])}]) or "")


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
    text = template.probe(shape_history(_conversation(names), shape), [TOOL])
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
