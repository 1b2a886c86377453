"""What happens to embedding requests before the engine: tokenization."""

from typing import TYPE_CHECKING

from ..serving.preparing_thread import PreparingThread
from ..serving.registry import Registry
from ..tokens.overlong import least_tokens
from ..wire.errors import RequestError
from ..wire.frames import DetokenizeFrame, TokenizeFrame
from ..wire.replies import ReplyChannel
from .engine import EmbeddingEngine
from .request import EmbeddingRequest

if TYPE_CHECKING:
    from .model import EmbeddingModel

TEXTS_AT_ONCE = 32
"""Texts tokenized together, between two looks at whether the request was cancelled."""


class EmbeddingPreparation:
    """Requests on their way to the engine."""

    def __init__(self, engine: EmbeddingEngine, replies: ReplyChannel, registry: Registry) -> None:
        self._engine = engine
        self._inputs = PreparingThread(self._tokenize, replies, registry)
        self.threads = (self._inputs,)
        """Each is to be run with the model."""

    def submit(self, task: EmbeddingRequest | TokenizeFrame | DetokenizeFrame) -> None:
        """Hand over a new request, or a question."""
        self._inputs.submit(task)

    def _tokenize(self, request: EmbeddingRequest, model: "EmbeddingModel") -> None:
        request.rows = rows_of(request, model)
        if not request.cancelled:
            self._engine.submit(request)


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
        for index, each in enumerate(inputs[begin : begin + TEXTS_AT_ONCE], begin):
            if isinstance(each, str) and (length := least_tokens(each, model.tokenizer, model.context_length)):
                raise _too_long(request, index, f"more than {length}", model)
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
        raise _too_long(request, index, str(len(row)), model)


def _too_long(request: EmbeddingRequest, index: int, length: str, model: "EmbeddingModel") -> RequestError:
    name, param = request.name(index)
    message = f"{name} has {length} tokens, and this model takes {model.context_length} at most. Split it."
    return RequestError(message, param, "context_length")
