"""One completion on its way through the worker."""

from typing import TYPE_CHECKING, Any

from ..wire.frames import GenerateFrame
from ..wire.prompts import Beginnings
from .stopping import StopTexts

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ..chat.answer import AnswerReader
    from ..constraints.grammar import Grammar
    from ..constraints.matcher import Matcher
    from ..model.image_prompt import ImagePrompt
    from ..model.plain_reader import PlainReader


class Request:
    """What is known of one request. Times are `time.perf_counter` seconds.

    The reader thread makes it, the one for images fills in `images` and `prompt` where there are some, the one that
    prepares prompts `prompt` where there are none, `beginnings` and `max_tokens`, the one for grammars `grammar` where
    there is to be one, and the engine thread all else; each hands it on to the next.
    `cancelled` is set by the reader and only read elsewhere.
    """

    __slots__ = (
        "_undecided",
        "beginnings",
        "cancelled",
        "completion_tokens",
        "constraint",
        "encoding",
        "first_token_at",
        "frame",
        "grammar",
        "images",
        "is_encoded",
        "is_over",
        "max_tokens",
        "prompt",
        "reader",
        "reading",
        "started_at",
        "stop_texts",
    )

    def __init__(self, frame: GenerateFrame) -> None:
        self.frame = frame
        self.cancelled = False
        self.is_over = False
        self.prompt: list[int] = []
        self.beginnings = Beginnings()
        self.max_tokens = 0
        self.images: ImagePrompt | None = None
        self.encoding: Generator[list[Any], None, None] | None = None
        self.is_encoded = False
        self.grammar: Grammar | None = None
        self.constraint: Matcher | None = None
        self.reader: AnswerReader | PlainReader | None = None
        self.reading: Iterator[None] | None = None
        self.stop_texts = StopTexts(frame.stop) if frame.stop else None
        self.started_at = 0.0
        self.first_token_at = 0.0
        self.completion_tokens = 0
        self._undecided: list[dict[str, Any]] = []

    @property
    def id(self) -> str:
        """The agent's name for it."""
        return self.frame.id

    @property
    def param(self) -> str:
        """The field that its prompt came in, as messages name it."""
        return self.frame.prompt.param

    @property
    def cache_scope(self) -> str | None:
        """Among whose requests what is kept of it is shared."""
        return self.frame.cache_scope

    @property
    def key(self) -> list[int]:
        """The prompt's tokens by which its beginnings are kept: what images show is part of it."""
        return self.prompt if self.images is None else self.images.key

    def keyed(self, tokens: list[int]) -> list[int]:
        """Those of a beginning of the prompt, or of the prompt and what was added to it."""
        if self.images is None:
            return tokens
        key = self.images.key
        return key[: len(tokens)] + tokens[len(key) :]

    def whole_images(self, length: int) -> int:
        """The longest beginning of the prompt of at most so many tokens that cuts no image."""
        return length if self.images is None else self.images.whole_images(length)

    def take_logprob(self, described: dict[str, Any], output: dict[str, Any]) -> None:
        """Put what is reported of its last token into the output, once the token is known to be visible text."""
        reader = self.reader
        assert reader is not None
        is_last = "finish" in output
        if reader.is_undecided and not is_last:
            self._undecided.append(described)
            return
        reported, self._undecided = [*self._undecided, described], []
        # What is undecided at the end has become text, or is nothing at all.
        if reader.is_in_text or (is_last and output["text"]):
            output["logprobs"] = reported

    def timings(self, now: float) -> dict[str, float]:
        """Seconds in prefill and decode, for a request whose last token came at `now`."""
        return {
            "prefill_seconds": round(self.first_token_at - self.started_at, 6),
            "decode_seconds": round(now - self.first_token_at, 6),
        }

    def take_token(self, token: int, *, reason: str | None, now: float) -> dict[str, Any]:
        """The step output for one new token.

        `reason` is set when the model or the length ends the completion; a stop text, or the one call that was allowed,
        may set it too.
        """
        if self.completion_tokens == 0:
            self.first_token_at = now
        self.completion_tokens += 1
        reader = self.reader
        assert reader is not None
        delta = reader.take(token)
        if reason is None and reader.is_finished:
            reason = "stop"
        text, reasoning, calls = delta.text, delta.reasoning, delta.tool_calls
        if reason is not None:
            rest = reader.finish(is_whole=reason == "stop")
            text, reasoning, calls = text + rest.text, reasoning + rest.reasoning, calls + rest.tool_calls
        stop_text = None
        if self.stop_texts is not None:
            text, stop_text = self.stop_texts.push(text)
            if stop_text is not None:
                reason = "stop"
            elif reason is not None:
                text += self.stop_texts.finish()
        output: dict[str, Any] = {"id": self.frame.id, "text": text, "tokens": (token,)}
        if reasoning:
            output["reasoning"] = reasoning
        if calls:
            output["tool_calls"] = [call.to_frame() for call in calls]
        if reason is not None:
            self.is_over = True
            if reason == "stop" and stop_text is None and reader.has_calls:
                reason = "tool_calls"
            output["finish"] = {
                "reason": reason,
                "stop_text": stop_text,
                "completion_tokens": self.completion_tokens,
                "reasoning_tokens": reader.reasoning_tokens,
                "timings": self.timings(now),
            }
        return output
