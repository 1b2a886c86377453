"""Requests for more, less or no reasoning, in the variables that a template reads."""

from typing import Any

from ..wire.errors import RequestError
from .template import ChatTemplate

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
EFFORTS_WITHOUT_REASONING = ("none", "minimal")
"""Of models that can only do it or leave it."""
WHEN_NEEDED = "when_needed"
"""Of `enable_thinking`: no reasoning, unless the model cannot answer without."""
HARMONY_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""GPT-OSS knows three."""


def with_reasoning_options(
    given: dict[str, Any], template: ChatTemplate, *, has_efforts_of_its_own: bool
) -> dict[str, Any]:
    """Template options in which `enable_thinking` and `reasoning_effort` do what they say.

    A model that does not reason takes every wish, and nothing changes: clients send one effort to all models. Raises
    RequestError for a wish that a model which reasons cannot follow.
    """
    options = {name: value for name, value in given.items() if value is not None}
    effort = options.get("reasoning_effort")
    if effort is not None:
        if effort not in EFFORTS:
            raise RequestError(f"reasoning_effort must be one of {', '.join(EFFORTS)}.", "reasoning_effort")
        if has_efforts_of_its_own:
            if effort == "none":
                raise RequestError("This model cannot answer without reasoning.", "reasoning_effort")
            options["reasoning_effort"] = HARMONY_EFFORTS[effort]
        else:
            options.setdefault("enable_thinking", effort not in EFFORTS_WITHOUT_REASONING)
    if options.get("enable_thinking") == WHEN_NEEDED:
        if has_efforts_of_its_own:
            del options["enable_thinking"]
        else:
            options["enable_thinking"] = False
    thinks = options.get("enable_thinking")
    if thinks is False and has_efforts_of_its_own:
        raise RequestError("This model cannot answer without reasoning.", "enable_thinking")
    if thinks is not None and template.reads("thinking") and not template.reads("enable_thinking"):
        options.setdefault("thinking", thinks)
    return options
