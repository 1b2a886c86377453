"""Reads one answer, token by token."""

from typing import Any

from ..tokens.detokenizer import Detokenizer
from ..wire.frames import ToolChoice
from .deltas import AnswerDelta, Collector
from .format import ChatFormat
from .splitter import Part


class AnswerReader:
    """One answer of a chat. Where there is neither reasoning nor calls to find, it costs little more than detokenizing.

    `is_finished` says that nothing after the last token counts, because the one call that was allowed is complete.
    """

    def __init__(
        self,
        format: ChatFormat,
        detokenizer: Detokenizer,
        prompt_tokens: list[int],
        tools: list[dict[str, Any]],
        tool_choice: ToolChoice,
        parallel: bool,
        *,
        is_json: bool = False,
    ) -> None:
        """Read the answer to a prompt; calls are found when there are tools and the choice is not none.

        With `is_json` a grammar keeps the text to JSON.
        """
        self._add = detokenizer.add
        self._finish = detokenizer.finish
        self._end_tokens = format.end_tokens
        self._hidden = format.hidden_tokens - format.marker_tokens
        wanted = tools if tool_choice.mode != "none" else []
        self._collector = Collector(parallel=parallel, takes_text=tool_choice.mode not in ("required", "named"))
        self._is_json = is_json
        self._splitter = format.make_splitter(
            self._collector, wanted, in_reasoning=format.opens_reasoning(prompt_tokens)
        )
        self.reasoning_tokens = 0

    @property
    def is_finished(self) -> bool:
        """Whether the answer ends here, whatever the model would add."""
        return self._collector.is_closed

    @property
    def has_calls(self) -> bool:
        """Whether any call came: such an answer ends for the reason `tool_calls` when it ends by itself."""
        return self._collector.calls > 0

    @property
    def is_in_text(self) -> bool:
        """Whether the last token belongs to the visible text, and to neither reasoning nor calls nor a marker."""
        return self._splitter is None or self._splitter.part is Part.TEXT

    @property
    def is_undecided(self) -> bool:
        """Whether the last token may still turn out to be text, or to begin reasoning or a call."""
        return self._splitter is not None and self._splitter.part is Part.OPENING

    def take(self, token: int) -> AnswerDelta:
        """What is new with this token. Tokens that end the answer have no text."""
        splitter = self._splitter
        if splitter is None:
            return AnswerDelta("" if token in self._hidden else self._add(token))
        # Calls have special tokens of their own, such as quotes.
        hidden = self._end_tokens if splitter.part is Part.CALLS else self._hidden
        was_reasoning = splitter.part is Part.REASONING
        if token not in hidden and (text := self._add(token)):
            splitter.push(text)
        if was_reasoning or splitter.part is Part.REASONING:
            self.reasoning_tokens += 1
        return self._collector.take()

    def finish(self, *, is_whole: bool = True) -> AnswerDelta:
        """The rest, once no more tokens come. `is_whole` is false where a limit cut the answer.

        Calls that a cut leaves open stay as far as they came; others are completed where that is plainly possible. What
        of their notation is no call yet is text only where the text is free.
        """
        rest = self._finish()
        if self._splitter is None:
            return AnswerDelta(rest)
        self._splitter.push(rest)
        if self._is_json and not is_whole and self._is_in_notation():
            self._collector.takes_text = False
        self._splitter.finish(is_whole=is_whole)
        return self._collector.take()

    def _is_in_notation(self) -> bool:
        """Whether what is not read yet is a marker or a call, and cannot be JSON that the text may be."""
        assert self._splitter is not None
        part = self._splitter.part
        return part is Part.OPENING or (part is Part.CALLS and not self._splitter.is_unmarked)
