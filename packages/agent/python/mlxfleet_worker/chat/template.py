"""A model's chat template: what it refers to, and messages through it."""

import re
from typing import Any

from jinja2 import TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from mlx_lm.tokenizer_utils import TokenizerWrapper

from ..wire.errors import RequestError
from .time_limit import TimeLimitError, time_limit

SECONDS_FOR_A_PROMPT = 10.0
"""A long conversation takes a tenth of a second."""

SECONDS_FOR_A_PROBE = 2.0
"""A conversation of a few words takes a millisecond."""

TEMPLATE_ERRORS = (
    TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a template, or one written in Python, raises for messages that it does not take."""

RESERVED_OPTIONS = frozenset(
    {
        "add_generation_prompt",
        "chat_template",
        "continue_final_message",
        "conversation",
        "max_length",
        "messages",
        "padding",
        "return_assistant_tokens_mask",
        "return_dict",
        "return_tensors",
        "tokenize",
        "tokenizer_kwargs",
        "tools",
        "truncation",
    }
)
"""Arguments of apply_chat_template that are the worker's own and no template variables."""

AS_THEY_ARE = {"add_generation_prompt": True, "continue_final_message": False}
"""What clients may say all the same: it is so anyhow."""

_generation_tags = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")


class TemplateFailureError(Exception):
    """The template does not take these messages; the text says why."""


class ChatTemplate:
    """The template of one tokenizer. transformers runs it in a sandbox: no files, no attributes of Python's own."""

    def __init__(self, tokenizer: TokenizerWrapper) -> None:
        self._tokenizer = tokenizer
        template = tokenizer.chat_template
        if isinstance(template, dict):
            template = template.get("tool_use") or template.get("default")
        self.source: str = template if isinstance(template, str) else ""
        self.exists = bool(tokenizer.has_chat_template)
        tree = self._parse()
        self.variables: set[str] | None = meta.find_undeclared_variables(tree) if tree is not None else None
        """The variables that the template reads; None where that cannot be told."""
        self._fault = ""
        # The time limit stops Python's code, but not one calculation with huge numbers.
        if tree is not None and next(tree.find_all(nodes.Pow), None) is not None:
            self._fault = "It calculates powers, which no template needs."

    def reads(self, variable: str) -> bool:
        """Whether the template reads this variable, or may."""
        return self.variables is None or variable in self.variables

    def probe(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> str | None:
        """The prompt for a few short messages as text; None where the template refuses them."""
        try:
            return self._apply(messages, tools, {"tokenize": False}, SECONDS_FOR_A_PROBE)
        except TemplateFailureError:
            return None

    def tokens(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, options: dict[str, Any]
    ) -> list[int]:
        """The prompt's tokens. Raises TemplateFailureError."""
        return list(self._apply(messages, tools, {"tokenize": True, **options}, SECONDS_FOR_A_PROMPT))

    def text(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, options: dict[str, Any]) -> str:
        """The prompt's text. Raises TemplateFailureError."""
        return str(self._apply(messages, tools, {"tokenize": False, **options}, SECONDS_FOR_A_PROMPT))

    def _apply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        options: dict[str, Any],
        seconds: float,
    ) -> Any:
        if self._fault:
            raise TemplateFailureError(self._fault)
        options = {"add_generation_prompt": True, **options}
        try:
            with time_limit(seconds, "<template>"):
                return self._tokenizer.apply_chat_template(messages, tools=tools, **options)
        except TimeLimitError as error:
            too_slow = f"It takes longer than {seconds:.0f} seconds."
            # What is too slow for a few words is so for everything, and the next probe would take as long.
            if seconds == SECONDS_FOR_A_PROBE:
                self._fault = too_slow
            raise TemplateFailureError(too_slow) from error
        except TEMPLATE_ERRORS as error:
            raise TemplateFailureError(str(error) or type(error).__name__) from error

    def _parse(self) -> nodes.Template | None:
        environment = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"])
        try:
            return environment.parse(_generation_tags.sub("", self.source)) if self.source else None
        except TemplateError:
            return None


def check_options(options: dict[str, Any]) -> None:
    """Raise RequestError for template options that are the worker's own arguments."""
    reserved = {name for name in RESERVED_OPTIONS & options.keys() if options[name] is not AS_THEY_ARE.get(name, ...)}
    if reserved:
        raise RequestError(f"{min(reserved)} cannot be a chat template option.", "chat_template_kwargs")
