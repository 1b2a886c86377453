"""What happens to embedding requests before the engine: tokenization."""

from typing import TYPE_CHECKING

from ..serving.preparing_thread import PreparingThread
from ..serving.question import Question, questions_thread
from ..serving.registry import Registry
from ..tokens.overlong import least_tokens
from ..wire.errors import RequestError
from ..wire.replies import ReplyChannel
from .engine import EmbeddingEngine
from .request import EmbeddingRequest

if TYPE_CHECKING:
    from .model import EmbeddingModel

TEXTS_AT_ONCE = 32
CHARACTERS_AT_ONCE = 250_000
"""Of texts tokenized together, before the next request has its turn: a fifth of a second."""


class EmbeddingPreparation:
    """Requests on their way to the engine."""

    image_bytes = 0
    """Of decoded images: there are none."""

    def __init__(self, engine: EmbeddingEngine, replies: ReplyChannel, registry: Registry) -> None:
        self._engine = engine
        self._inputs = PreparingThread(self._tokenize, replies, registry)
        self._questions = questions_thread(replies, registry)
        self.threads = (self._inputs, self._questions)
        """Each is to be run with the model."""

    def submit(self, task: EmbeddingRequest | Question) -> None:
        """Hand over a new request, or a question."""
        thread = self._questions if isinstance(task, Question) else self._inputs
        thread.submit(task)

    def _tokenize(self, request: EmbeddingRequest, model: "EmbeddingModel") -> None:
        add_rows(request, model)
        if len(request.rows) < len(request.frame.inputs):
            # The others first: a request may have minutes of text.
            self._inputs.submit(request)
        else:
            self._engine.submit(request)


def add_rows(request: EmbeddingRequest, model: "EmbeddingModel") -> None:
    """Tokenize some more inputs of a request that has some left.

    Raises RequestError that names the input which is empty, has no tokens, too many or foreign ones.
    """
    dimensions = request.frame.dimensions
    if dimensions is not None and dimensions > model.dimensions:
        raise RequestError(f"The vectors of this model have {model.dimensions} components.", "dimensions")
    begin = len(request.rows)
    inputs = _some(request.frame.inputs, begin)
    for index, each in enumerate(inputs, begin):
        if isinstance(each, str) and (length := least_tokens(each, model.tokenizer, model.context_length)):
            raise _too_long(request, index, f"more than {length}", model)
    request.rows += _encode(inputs, model)
    for index in range(begin, len(request.rows)):
        _check(request, index, request.rows[index], model)


def _some(inputs: list[str | list[int]], begin: int) -> list[str | list[int]]:
    """One input or more from `begin` on, as many as are tokenized together."""
    characters = 0
    for index in range(begin, min(begin + TEXTS_AT_ONCE, len(inputs))):
        characters += len(inputs[index])
        if characters > CHARACTERS_AT_ONCE:
            return inputs[begin : max(index, begin + 1)]
    return inputs[begin : begin + TEXTS_AT_ONCE]


def _encode(inputs: list[str | list[int]], model: "EmbeddingModel") -> list[list[int]]:
    texts = [text for text in inputs if isinstance(text, str)]
    encoded = iter(model.encode(texts) if texts else [])
    return [next(encoded) if isinstance(each, str) else each for each in inputs]


def _check(request: EmbeddingRequest, index: int, row: list[int], model: "EmbeddingModel") -> None:
    name, param = request.name(index)
    given = request.frame.inputs[index]
    if not given:
        raise RequestError(f"{name} is empty.", param)
    if not row:
        # A text of nothing that the tokenizer knows, of a model without special tokens. No pass can take it.
        raise RequestError(f"{name} has no tokens.", param)
    if not isinstance(given, str):
        model.check_tokens(given, param)
    if len(row) > model.context_length:
        raise _too_long(request, index, str(len(row)), model)


def _too_long(request: EmbeddingRequest, index: int, length: str, model: "EmbeddingModel") -> RequestError:
    name, param = request.name(index)
    message = f"{name} has {length} tokens, and this model takes {model.context_length} at most. Split it."
    return RequestError(message, param, "context_length")
