"""How a model's chats are written: conversations into prompts, and what its answers consist of."""

from collections.abc import Callable
from typing import Any, TypeVar

from mlx_lm.tokenizer_utils import TokenizerWrapper

from ..wire.errors import RequestError
from ..wire.frames import ToolChoice
from ..wire.prompts import ChatPrompt
from .deltas import Collector
from .harmony import HarmonySplitter
from .history import Message, check_history, shape_history
from .inference import HARMONY_TOKENS, infer_reasoning, infer_syntax
from .probes import system_shape, takes_tools, tool_history_shape
from .reasoning_options import WHEN_NEEDED, with_reasoning_options
from .splitter import MarkerSplitter, Splitter
from .syntax import HARMONY, HERMES, CallSyntax
from .template import ChatTemplate, TemplateFailureError
from .written_tools import write_tools

Rendered = TypeVar("Rendered")

TAIL_TOKENS = 64
"""Tokens at the end of a prompt in which it may open the reasoning, spelled letter by letter."""


class ChatFormat:
    """One model's way of chatting. Any thread may call it, several at a time.

    Made once and never changed: the engine thread makes it and alone probes the template. A rendering keeps nothing
    that another one sees (Jinja makes a context for each, from one compiled template), and its time limit is its
    thread's own.
    """

    def __init__(self, tokenizer: TokenizerWrapper) -> None:
        """Learn what the template can do, by rendering a few short conversations with it."""
        self._tokenizer = tokenizer
        self.template = ChatTemplate(tokenizer)
        self.reasoning = infer_reasoning(tokenizer, self.template.source)
        syntax = infer_syntax(tokenizer, self.template.source)
        self.is_harmony = syntax is HARMONY
        self._shape = system_shape(self.template) if self.template.exists else None
        history = None
        if self._shape is not None and syntax is not None and takes_tools(self.template):
            history = tool_history_shape(self.template, self._shape)
        self.has_own_tools = history is not None
        """Whether the template renders tools, calls and results itself."""
        self._shape = history or self._shape
        self.syntax: CallSyntax = syntax if history is not None and syntax is not None else HERMES
        """How calls are written in answers, and in the history where the template does not write them itself."""
        self.end_tokens: frozenset[int] = frozenset(tokenizer.eos_token_ids)
        added = tokenizer.added_tokens_decoder
        self.added_tokens: dict[str, int] = {token.content: id for id, token in added.items()}
        """Texts that are tokens of their own."""
        special = {id: token.content for id, token in added.items() if token.special}
        self.hidden_tokens = self.end_tokens | special.keys()
        markers = self._markers()
        self.marker_tokens = frozenset(id for id, text in special.items() if text in markers)
        """Special tokens that a reader of answers has to see."""

    @property
    def has_tool_calling(self) -> bool:
        """Whether answers can hold tool calls: of every model with a chat template."""
        return self.template.exists

    @property
    def has_reasoning(self) -> bool:
        """Whether answers can hold reasoning apart from the answer."""
        return self.is_harmony or self.reasoning is not None

    def render(self, prompt: ChatPrompt, tool_choice: ToolChoice) -> list[int]:
        """The prompt's tokens. Raises RequestError that names the request's field at fault."""
        tokens = self._render(prompt, tool_choice, self.template.tokens)
        self.check_reasoning(prompt, tokens)
        return tokens

    def render_text(self, prompt: ChatPrompt, tool_choice: ToolChoice) -> str:
        """The prompt's text, for a model whose processor makes the tokens; `check_reasoning` is to see these.

        Raises RequestError that names the request's field at fault.
        """
        return self._render(prompt, tool_choice, self.template.text)

    def check_reasoning(self, prompt: ChatPrompt, tokens: list[int]) -> None:
        """Raise RequestError where the prompt was to rule reasoning out, and its tokens open it."""
        options = self._options(prompt)
        must_not = (
            options.get("enable_thinking") is False and prompt.template_options.get("enable_thinking") != WHEN_NEEDED
        )
        if must_not and self.opens_reasoning(tokens):
            param = "reasoning_effort" if "reasoning_effort" in prompt.template_options else "enable_thinking"
            raise RequestError("This model cannot answer without reasoning.", param)

    def _options(self, prompt: ChatPrompt) -> dict[str, Any]:
        return with_reasoning_options(prompt.template_options, self.template, has_efforts_of_its_own=self.is_harmony)

    def opens_reasoning(self, prompt_tokens: list[int]) -> bool:
        """Whether an answer to this prompt begins inside the reasoning."""
        if self.reasoning is None or self.is_harmony:
            return False
        return self._tail(prompt_tokens).endswith(self.reasoning.start)

    def has_reasoned(self, prompt_tokens: list[int]) -> bool:
        """Whether this prompt ends with the end of the reasoning, as templates write it where there shall be none."""
        if self.reasoning is None or self.is_harmony:
            return False
        return self._tail(prompt_tokens).endswith(self.reasoning.end)

    def _tail(self, prompt_tokens: list[int]) -> str:
        tail: str = self._tokenizer.decode(prompt_tokens[-TAIL_TOKENS:])
        return tail.rstrip()

    def make_splitter(
        self, collector: Collector, tools: list[dict[str, Any]], *, in_reasoning: bool
    ) -> Splitter | None:
        """What takes one answer apart; None where there is nothing to look for."""
        if self.is_harmony:
            return HarmonySplitter(collector, takes_calls=bool(tools))
        if self.reasoning is None and not tools:
            return None
        syntax = self.syntax if tools else None
        return MarkerSplitter(collector, self.reasoning, syntax, tools, in_reasoning=in_reasoning)

    def _render(
        self,
        prompt: ChatPrompt,
        tool_choice: ToolChoice,
        apply: Callable[[list[Message], list[dict[str, Any]] | None, dict[str, Any]], Rendered],
    ) -> Rendered:
        if not self.template.exists or self._shape is None:
            raise RequestError("This model has no chat template; use /v1/completions.", "messages")
        options = self._options(prompt)
        messages, tools = check_history(prompt.messages), prompt.tools if tool_choice.mode != "none" else []
        if not self.has_own_tools:
            messages, tools = write_tools(messages, tools), []
        elif self.is_harmony:
            messages = [_join_analysis(message) for message in messages]
        messages = shape_history(messages, self._shape)
        try:
            return apply(messages, tools or None, options)
        except TemplateFailureError as error:
            if (complete := [_complete_tool(tool) for tool in tools]) != tools:
                try:
                    return apply(messages, complete, options)
                except TemplateFailureError:
                    pass
            raise RequestError(f"The chat template refuses these messages: {error}", "messages") from error

    def _markers(self) -> str:
        """All markers in one text, in which every marker's own tokens are found."""
        texts = [self.syntax.start, self.syntax.end]
        if self.reasoning is not None:
            texts += [self.reasoning.start, self.reasoning.end]
        if self.is_harmony:
            texts += [*HARMONY_TOKENS, "<|end|>", "<|return|>", "<|constrain|>"]
        if self.syntax.start == "[TOOL_CALLS]":
            texts += ["[ARGS]", "[CALL_ID]"]
        return "\n".join(texts)


def _join_analysis(message: Message) -> Message:
    """A message with a call has reasoning or content in Harmony's templates, not both."""
    reasoning = message.get("reasoning_content") or message.get("thinking")
    if not message.get("tool_calls") or not message["content"] or not isinstance(reasoning, str):
        return message
    rest = {key: value for key, value in message.items() if key != "thinking"}
    return {**rest, "content": "", "reasoning_content": f"{reasoning}\n\n{message['content']}"}


def _complete_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool with all that OpenAI's API lets clients leave out and templates read."""
    function = {"description": "", "parameters": {"type": "object", "properties": {}}, **tool["function"]}
    properties = function["parameters"].get("properties")
    if isinstance(properties, dict):
        described = {
            name: {"description": "", **schema} if isinstance(schema, dict) else schema
            for name, schema in properties.items()
        }
        function["parameters"] = {**function["parameters"], "properties": described}
    return {**tool, "function": function}
