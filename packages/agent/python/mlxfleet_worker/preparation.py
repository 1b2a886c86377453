"""The preparing thread: templates, tokens and grammars, so that a long prompt stalls neither decoding nor pings."""

import queue
from typing import TYPE_CHECKING

from .engine import Engine
from .errors import RequestError
from .frames import DetokenizeFrame, TokenizeFrame
from .log import log
from .replies import ReplyChannel
from .request import Registry, Request
from .tokenizing import answer

if TYPE_CHECKING:
    from .text import TextModel

Task = Request | TokenizeFrame | DetokenizeFrame


class Preparation:
    """Requests in order of arrival, on their way to the engine. Plain Python values only, no MLX."""

    def __init__(self, engine: Engine, replies: ReplyChannel, registry: Registry) -> None:
        self._engine = engine
        self._replies = replies
        self._registry = registry
        self._queue: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def submit(self, task: Task) -> None:
        """Hand over a new request; those that come before the model wait for it."""
        self._queue.put(task)

    def run(self, model: "TextModel") -> None:
        """Prepare for ever."""
        while True:
            task = self._queue.get()
            if isinstance(task, Request):
                self._prepare(task, model)
            else:
                answer(task, model, self._replies)

    def _prepare(self, request: Request, model: "TextModel") -> None:
        if request.cancelled:
            return
        try:
            request.prompt = model.encode(request.frame.prompt, request.frame.tool_choice)
            request.beginnings = model.beginnings(request.frame, request.prompt)
            room = model.context_length - len(request.prompt)
            request.grammar = model.grammar(request.frame, request.prompt)
            request.max_tokens = min(request.frame.max_tokens or room, room)
        except RequestError as error:
            self._fail(request, error)
        except Exception as error:
            # Only its type: the message may quote the prompt.
            log(f"a prompt could not be prepared: {type(error).__name__}")
            message = f"The prompt could not be prepared ({type(error).__name__})."
            self._fail(request, RequestError(message, request.frame.prompt.param, "internal"))
        else:
            self._engine.submit(request)

    def _fail(self, request: Request, error: RequestError) -> None:
        if self._registry.remove(request):
            self._replies.send_failed(request.id, error)
