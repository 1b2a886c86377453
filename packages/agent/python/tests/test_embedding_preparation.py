"""Inputs on their way to an embedding engine: what no pass can take is refused, by its name."""

from typing import Any

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from mlxfleet_worker.embedding.preparation import add_rows
from mlxfleet_worker.embedding.request import EmbeddingRequest
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import EmbedFrame


class LetterModel:
    """The outside of an embedding model whose tokenizer knows two letters, drops others and adds no special tokens."""

    dimensions = 4
    context_length = 8

    def __init__(self) -> None:
        tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer)

    def encode(self, texts: list[str]) -> list[list[int]]:
        """The tokens of each text."""
        return self.tokenizer(texts)["input_ids"]

    def check_tokens(self, tokens: list[int], _param: str) -> None:
        """All are known."""
        assert set(tokens) <= {0, 1}


def prepared(*inputs: str | list[int]) -> EmbeddingRequest:
    request = EmbeddingRequest(EmbedFrame("id", list(inputs), None))
    model: Any = LetterModel()
    add_rows(request, model)
    return request


def test_each_input_becomes_a_row() -> None:
    assert prepared("a b", [1], "b").rows == [[0, 1], [1], [1]]


@pytest.mark.parametrize(
    ("inputs", "param", "message"),
    [
        ([" "], "input", "input has no tokens."),
        (["a", "zoo"], "input.1", "input[1] has no tokens."),
        (["a", [0], ""], "input.2", "input[2] is empty."),
        ([[]], "input", "input is empty."),
    ],
)
def test_an_input_without_tokens_is_refused(inputs: list[Any], param: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        prepared(*inputs)
    assert (caught.value.param, caught.value.message, caught.value.kind) == (param, message, "invalid")
