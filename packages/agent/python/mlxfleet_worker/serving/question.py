"""Questions about tokens and texts, on their way through a worker of either kind."""

from typing import Any

from ..tokens.tokenizing import answer
from ..wire.frames import DetokenizeFrame, TokenizeFrame
from ..wire.prompts import TextPrompt
from ..wire.replies import ReplyChannel
from .preparing_thread import PreparingThread
from .registry import Registry


class Question:
    """What is known of one question. `cancelled` is set by the reader and only read elsewhere."""

    __slots__ = ("__weakref__", "cancelled", "frame", "media")

    def __init__(self, frame: TokenizeFrame | DetokenizeFrame) -> None:
        self.frame = frame
        self.cancelled = False
        self.media: list[list[Any]] = []
        """The decoded images of its prompt, filled in before it is answered."""

    @property
    def id(self) -> str:
        """The agent's name for it."""
        return self.frame.id

    @property
    def param(self) -> str:
        """The field that it is about, as messages name it."""
        frame = self.frame
        if isinstance(frame, DetokenizeFrame):
            return "tokens"
        return "input" if isinstance(frame.prompt, TextPrompt) else frame.prompt.param

    @property
    def cache_scope(self) -> str | None:
        """Among whose requests its decoded images are shared."""
        return self.frame.cache_scope if isinstance(self.frame, TokenizeFrame) else None


def questions_thread(replies: ReplyChannel, registry: Registry) -> PreparingThread:
    """A thread that answers questions, beside the one for requests: a long text takes seconds.

    Tokenizers let other threads run meanwhile. An answer that nobody waits for any more is not sent.
    """

    def reply(question: Question, model: Any) -> None:
        answered = answer(question.frame, model, question.media)
        if registry.remove(question):
            replies.send(answered)

    return PreparingThread(reply, replies, registry)
