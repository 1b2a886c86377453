"""A text model and its tokenizer, loaded by mlx-lm."""

import contextlib
import threading
from pathlib import Path
from typing import Any, NamedTuple, Self

import mlx.core as mx
from mlx import nn
from mlx_lm import load
from mlx_lm.tokenizer_utils import TokenizerWrapper

from ..chat.answer import AnswerReader
from ..chat.answer_grammar import answer_grammar
from ..chat.format import ChatFormat
from ..chat.template import check_options
from ..constraints.grammar import Grammar, GrammarFactory
from ..tokens.detokenizer import DetokenizerFactory
from ..tokens.token_names import TokenNames
from ..wire.errors import RequestError
from ..wire.frames import NO_TOOLS, GenerateFrame, ToolChoice
from ..wire.prompts import Beginnings, ChatPrompt, Prompt, TextPrompt
from .beginnings import BeginningsFinder
from .calls_grammar import compile_calls, compile_with_tools
from .plain_reader import PlainReader

UNKNOWN_CONTEXT_LENGTH = 8192
"""For models that name no longest context, such as those without attention."""

CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length")


class Loaded(NamedTuple):
    """What the engine needs of a model's folder. The weights need not have been read."""

    model: nn.Module
    tokenizer: TokenizerWrapper
    config: dict[str, Any]


def require_model(path: str) -> Path:
    """The folder at `path`. Raises FileNotFoundError for one without a model."""
    folder = Path(path)
    # Libraries take a path that is no folder for the name of a repository to download.
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{path} holds no config.json")
    return folder


class TextModel:
    """One loaded model. Made on the engine thread, which alone runs it.

    Images, prompts, grammars and questions are prepared by four other threads at a time. What these share is made for
    it: the chat format does not change, GrammarFactory has a lock, as the tokenizers library's tokenizers have. Only
    transformers changes these, when it takes the truncation of a tokenizer's own file away before the first text: two
    threads may do so, and nothing sets it again. `beginnings` remembers what it finds, and is for one thread.
    """

    def __init__(self, loaded: Loaded, context_limit: int | None) -> None:
        """Take a loaded model. Raises whatever the libraries raise for one that they cannot read."""
        self.model, self.tokenizer, self.config = loaded
        own_length = _context_length(self.config)
        if own_length is None:
            self.context_length = context_limit or UNKNOWN_CONTEXT_LENGTH
        else:
            self.context_length = min(own_length, context_limit or own_length)
        self.vocabulary_size = _text_config(self.config).get("vocab_size") or len(self.tokenizer)
        self.end_tokens: frozenset[int] = frozenset(self.tokenizer.eos_token_ids)
        special = {id for id, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        self.hidden_tokens = self.end_tokens | special
        self._detokenizers = DetokenizerFactory(self.tokenizer)
        self.token_names = TokenNames(self.tokenizer)
        self.chat = ChatFormat(self.tokenizer)
        self._beginnings = BeginningsFinder(self.chat)
        self.grammars = GrammarFactory(self.tokenizer, self.vocabulary_size, self.end_tokens)
        self._read_weights()

    @classmethod
    def load(cls, path: str, context_limit: int | None, adapter_path: str | None = None) -> Self:
        """Load the folder at `path`, with the LoRA adapter of another folder.

        Raises whatever the library raises, FileNotFoundError for a missing folder.
        """
        folder = require_model(path)
        return cls(Loaded(*load(str(folder), adapter_path=adapter_path, lazy=True, return_config=True)), context_limit)

    def _read_weights(self) -> None:
        """Bring the weights into memory, and meanwhile index the vocabulary for grammars.

        While it is indexed no other Python code runs. Streams would stand still for it later, reading weights does not.
        """
        indexing = threading.Thread(target=self._index_vocabulary, name="indexing")
        indexing.start()
        try:
            mx.eval(self.model.parameters())
        finally:
            indexing.join()

    def _index_vocabulary(self) -> None:
        # Requests with a constraint are told why there can be none.
        with contextlib.suppress(RequestError):
            self.grammars.prepare()

    @property
    def has_chat_template(self) -> bool:
        """Whether chat prompts can be rendered."""
        return self.chat.template.exists

    def make_reader(self, frame: GenerateFrame, prompt_tokens: list[int]) -> AnswerReader | PlainReader:
        """What turns the tokens of one completion into text, reasoning and calls."""
        detokenizer = self._detokenizers.make()
        prompt = frame.prompt
        if not isinstance(prompt, ChatPrompt):
            return PlainReader(detokenizer, self.hidden_tokens)
        return AnswerReader(
            self.chat,
            detokenizer,
            prompt_tokens,
            prompt.tools,
            frame.tool_choice,
            frame.parallel_tool_calls,
            is_json=frame.constraint is not None,
        )

    def grammar(self, frame: GenerateFrame, prompt_tokens: list[int]) -> Grammar | None:
        """What the completion has to follow; None where it is free. Raises RequestError for what cannot be followed."""
        prompt, constraint, choice = frame.prompt, frame.constraint, frame.tool_choice
        if not isinstance(prompt, ChatPrompt):
            return None if constraint is None else self.grammars.json(constraint)
        in_reasoning = None if self.chat.has_reasoned(prompt_tokens) else self.chat.opens_reasoning(prompt_tokens)
        if constraint is None or choice.mode in ("required", "named"):
            parallel = frame.parallel_tool_calls
            return compile_calls(self.grammars, self.chat, prompt.tools, choice, parallel, in_reasoning)
        # By itself first: what is wrong with it is then the format's, and its trial comes to what is inside.
        alone = self.grammars.json(constraint)
        tools = prompt.tools if choice.mode == "auto" else []
        if not self.chat.has_reasoning and not tools:
            return alone
        answer = answer_grammar(self.chat, constraint.schema, in_reasoning, tools, parallel=frame.parallel_tool_calls)
        if not tools:
            return self.grammars.lark(answer, "response_format")
        return compile_with_tools(self.grammars, answer, self.chat, tools, choice)

    def encode(self, prompt: Prompt, tool_choice: ToolChoice = NO_TOOLS) -> list[int]:
        """The tokens of a prompt to complete. Raises RequestError for one that is empty, invalid or too long."""
        tokens = self.tokens(prompt, tool_choice)
        if not tokens:
            raise RequestError("The prompt is empty.", prompt.param)
        self.refuse_too_long(len(tokens), prompt.param)
        return tokens

    def refuse_too_long(self, tokens: int, param: str) -> None:
        """Raise RequestError that names `param` for a prompt of so many tokens that leaves no room for an answer."""
        if tokens >= self.context_length:
            raise RequestError(
                f"The context length of this model is {self.context_length} tokens, but your {param} resulted in "
                f"{tokens} tokens. Shorten the {param}.",
                param,
                "context_length",
            )

    def beginnings(self, frame: GenerateFrame, tokens: list[int]) -> Beginnings:
        """Which beginnings of a prompt that was encoded to these tokens other prompts will have too."""
        if not isinstance(frame.prompt, ChatPrompt):
            return Beginnings()
        return self._beginnings.find(frame.prompt, frame.tool_choice, tokens)

    def tokens(self, prompt: Prompt, tool_choice: ToolChoice = NO_TOOLS) -> list[int]:
        """The tokens of a prompt of any length. Raises RequestError for one that is invalid."""
        match prompt:
            case ChatPrompt():
                check_options(prompt.template_options)
                return self.chat.render(prompt, tool_choice)
            case TextPrompt():
                beginning = self.tokenizer.bos_token
                # As mlx_lm.generate: a prompt that brings its own beginning gets no second one.
                add_special = beginning is None or not prompt.text.startswith(beginning)
                return list(self.tokenizer.encode(prompt.text, add_special_tokens=add_special))
            case _:
                self.check_tokens(prompt.tokens, prompt.param)
                return list(prompt.tokens)

    def check_tokens(self, tokens: list[int], param: str) -> None:
        """Raise RequestError that names `param` for a token that the model does not have."""
        for token in tokens:
            if not 0 <= token < self.vocabulary_size:
                raise RequestError(f"Token {token} is not in the vocabulary of {self.vocabulary_size} tokens.", param)


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    """The language part of a configuration that may also describe a vision part."""
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, dict) else config


def _context_length(config: dict[str, Any]) -> int | None:
    merged = _text_config(config)
    lengths = [merged[name] for name in CONTEXT_FIELDS if isinstance(merged.get(name), int) and merged[name] > 0]
    return lengths[0] if lengths else None
