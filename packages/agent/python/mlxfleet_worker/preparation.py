"""The preparing thread: templates and tokenization, so that a long prompt stalls neither decoding nor pings."""

import queue
from typing import TYPE_CHECKING

from .engine import Engine
from .errors import RequestError
from .log import log
from .replies import ReplyChannel
from .request import Registry, Request

if TYPE_CHECKING:
    from .text import TextModel


class Preparation:
    """Requests in order of arrival, on their way to the engine. Plain Python values only, no MLX."""

    def __init__(self, engine: Engine, replies: ReplyChannel, registry: Registry) -> None:
        self._engine = engine
        self._replies = replies
        self._registry = registry
        self._queue: queue.SimpleQueue[Request] = queue.SimpleQueue()

    def submit(self, request: Request) -> None:
        """Hand over a new request; those that come before the model wait for it."""
        self._queue.put(request)

    def run(self, model: "TextModel") -> None:
        """Prepare for ever."""
        while True:
            request = self._queue.get()
            if request.cancelled:
                continue
            try:
                request.prompt = model.encode(request.frame.prompt)
                room = model.context_length - len(request.prompt)
                request.max_tokens = min(request.frame.max_tokens or room, room)
            except RequestError as error:
                self._fail(request, error)
            except Exception as error:
                # Only its type: the message may quote the prompt.
                log(f"a prompt could not be prepared: {type(error).__name__}")
                self._fail(
                    request, RequestError(f"The prompt could not be tokenized: {error}", request.frame.prompt.param)
                )
            else:
                self._engine.submit(request)

    def _fail(self, request: Request, error: RequestError) -> None:
        if self._registry.remove(request):
            self._replies.send_failed(request.id, error)
