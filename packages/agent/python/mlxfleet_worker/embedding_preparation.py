"""The preparing thread of an embedding worker: tokenization, so that long inputs stall neither passes nor pings."""

import queue
from typing import TYPE_CHECKING

from .embedding_engine import EmbeddingEngine
from .embedding_request import EmbeddingRequest
from .errors import RequestError
from .frames import DetokenizeFrame, TokenizeFrame
from .log import log
from .replies import ReplyChannel
from .request import Registry
from .tokenizing import answer

if TYPE_CHECKING:
    from .embedding_model import EmbeddingModel

TEXTS_AT_ONCE = 32
"""Texts tokenized together, between two looks at whether the request was cancelled."""


class EmbeddingPreparation:
    """Requests in order of arrival, on their way to the engine. Plain Python values only, no MLX."""

    def __init__(self, engine: EmbeddingEngine, replies: ReplyChannel, registry: Registry) -> None:
        self._engine = engine
        self._replies = replies
        self._registry = registry
        self._queue: queue.SimpleQueue[EmbeddingRequest | TokenizeFrame | DetokenizeFrame] = queue.SimpleQueue()
        self.finished = 0
        """Requests prepared so far, and questions answered."""

    def submit(self, task: EmbeddingRequest | TokenizeFrame | DetokenizeFrame) -> None:
        """Hand over a new request; those that come before the model wait for it."""
        self._queue.put(task)

    def run(self, model: "EmbeddingModel") -> None:
        """Prepare for ever."""
        while True:
            task = self._queue.get()
            if isinstance(task, EmbeddingRequest):
                self._prepare(task, model)
            else:
                answer(task, model, self._replies)
            self.finished += 1

    def _prepare(self, request: EmbeddingRequest, model: "EmbeddingModel") -> None:
        try:
            request.rows = rows_of(request, model)
        except RequestError as error:
            self._fail(request, error)
        except Exception as error:
            # Only its type: the message may quote the input.
            log(f"inputs could not be prepared: {type(error).__name__}")
            message = f"The input could not be tokenized ({type(error).__name__})."
            self._fail(request, RequestError(message, "input", "internal"))
        else:
            if not request.cancelled:
                self._engine.submit(request)

    def _fail(self, request: EmbeddingRequest, error: RequestError) -> None:
        if self._registry.remove(request):
            self._replies.send_failed(request.id, error)


def rows_of(request: EmbeddingRequest, model: "EmbeddingModel") -> list[list[int]]:
    """The tokens of each input; incomplete when the request is cancelled on the way.

    Raises RequestError that names the input which is empty, too long or has foreign tokens.
    """
    inputs = request.frame.inputs
    dimensions = request.frame.dimensions
    if dimensions is not None and dimensions > model.dimensions:
        raise RequestError(f"The vectors of this model have {model.dimensions} components.", "dimensions")
    rows: list[list[int]] = []
    while len(rows) < len(inputs) and not request.cancelled:
        begin = len(rows)
        rows += _encode(inputs[begin : begin + TEXTS_AT_ONCE], model)
        for index in range(begin, len(rows)):
            _check(request, index, rows[index], model)
    return rows


def _encode(inputs: list[str | list[int]], model: "EmbeddingModel") -> list[list[int]]:
    texts = [text for text in inputs if isinstance(text, str)]
    encoded = iter(model.encode(texts) if texts else [])
    return [next(encoded) if isinstance(each, str) else each for each in inputs]


def _check(request: EmbeddingRequest, index: int, row: list[int], model: "EmbeddingModel") -> None:
    name, param = request.name(index)
    given = request.frame.inputs[index]
    if not given:
        raise RequestError(f"{name} is empty.", param)
    if not isinstance(given, str):
        model.check_tokens(given, param)
    if len(row) > model.context_length:
        raise RequestError(
            f"{name} has {len(row)} tokens, and this model takes {model.context_length} at most. Split it.",
            param,
            "context_length",
        )
