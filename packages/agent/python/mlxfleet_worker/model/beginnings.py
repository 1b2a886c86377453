"""Which beginnings of a chat's prompt other prompts will have too. Plain Python values only, no MLX."""

import json
from collections import OrderedDict
from typing import Any

from ..chat.format import ChatFormat
from ..tokens.common_length import common_length
from ..wire.errors import RequestError
from ..wire.frames import NO_TOOLS, ToolChoice
from ..wire.prompts import Beginnings, ChatPrompt

SYSTEM_ROLES = ("system", "developer")
MOST_REMEMBERED = 16
"""System prompts, and sets of template options: an application has a few of each."""


class BeginningsFinder:
    """Finds them by rendering other conversations, for one model. For one thread at a time."""

    def __init__(self, chat: ChatFormat) -> None:
        self._chat = chat
        self._remembered: OrderedDict[str, list[int]] = OrderedDict()

    def find(self, prompt: ChatPrompt, tool_choice: ToolChoice, tokens: list[int]) -> Beginnings:
        """The beginnings of a prompt that was rendered to these tokens."""
        return Beginnings(self._system(prompt, tool_choice, tokens), self._stable(prompt.template_options, tokens))

    def _system(self, prompt: ChatPrompt, tool_choice: ToolChoice, tokens: list[int]) -> int:
        messages = prompt.messages
        count = next((at for at, message in enumerate(messages) if message["role"] not in SYSTEM_ROLES), len(messages))
        tools = [] if tool_choice.mode == "none" else prompt.tools
        if count == len(messages) or not (count or tools):
            return 0
        # Any question but the one that was asked: the two go apart where it begins.
        question = "!" if messages[count]["content"][:1] == "?" else "?"
        other = [*messages[:count], {"role": "user", "content": question}]
        return common_length(self._render(other, tools, prompt.template_options), tokens)

    def _stable(self, options: dict[str, Any], tokens: list[int]) -> int:
        question = [{"role": "user", "content": "?"}]
        asked = self._render(question, [], options)
        stated = self._render(question, [], {**options, "add_generation_prompt": False})
        asking = asked[len(stated) :]
        if not stated or not asking or asked[: len(stated)] != stated or tokens[-len(asking) :] != asking:
            return 0
        return len(tokens) - len(asking)

    def _render(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], options: dict[str, Any]
    ) -> list[int]:
        """The tokens of a conversation, remembered; none where the template does not take it."""
        key = json.dumps([messages, tools, options], sort_keys=True)
        tokens = self._remembered.get(key)
        if tokens is None:
            choice = ToolChoice("auto") if tools else NO_TOOLS
            try:
                tokens = self._chat.render(ChatPrompt(messages, options, tools), choice)
            except RequestError:
                tokens = []
            self._remembered[key] = tokens
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return tokens
