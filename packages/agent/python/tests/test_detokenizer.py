"""Tokens to text: the same as the tokenizer's own decoding, without ever splitting a character."""

import random
from pathlib import Path

import pytest
from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.utils import load_tokenizer

from mlxfleet_worker.tokens.detokenizer import DetokenizerFactory, LibraryDetokenizer

TEXTS = ["plain words", "Ünïcödé 漢字 🙂👩‍👩‍👧", "tabs\tand\nlines", "العربية", "  two spaces", "a\u0301"]


@pytest.fixture(scope="module")
def tokenizer(tiny_text: Path) -> TokenizerWrapper:
    return load_tokenizer(tiny_text)


@pytest.mark.parametrize("text", TEXTS)
def test_gives_the_text_back_in_whole_characters(tokenizer: TokenizerWrapper, text: str) -> None:
    detokenizer = DetokenizerFactory(tokenizer).make()
    chunks = [detokenizer.add(token) for token in tokenizer.encode(text)]
    assert "\ufffd" not in "".join(chunks)
    assert "".join(chunks) + detokenizer.finish() == text


def test_an_incomplete_character_at_the_end_is_a_replacement(tokenizer: TokenizerWrapper) -> None:
    detokenizer = DetokenizerFactory(tokenizer).make()
    tokens = tokenizer.encode("ok 漢")[:-1]
    assert "".join(map(detokenizer.add, tokens)) == "ok "
    assert detokenizer.finish() == "\ufffd"


def test_random_bytes_give_what_the_tokenizer_gives(tokenizer: TokenizerWrapper) -> None:
    factory = DetokenizerFactory(tokenizer)
    source = random.Random(3)
    for _ in range(50):
        tokens = source.choices(range(3, len(tokenizer)), k=200)
        detokenizer = factory.make()
        text = "".join(map(detokenizer.add, tokens)) + detokenizer.finish()
        assert text == tokenizer.decode(tokens)


def test_text_is_the_librarys_and_keeps_the_space_that_the_library_drops(tokenizer: TokenizerWrapper) -> None:
    for text in TEXTS:
        tokens = tokenizer.encode(text)
        ours, theirs = DetokenizerFactory(tokenizer).make(), LibraryDetokenizer(tokenizer.detokenizer)
        library_text = "".join(map(theirs.add, tokens)) + theirs.finish()
        assert ("".join(map(ours.add, tokens)) + ours.finish()).removeprefix(" ") == library_text


def test_endless_invalid_bytes_are_not_held_back(tokenizer: TokenizerWrapper) -> None:
    detokenizer = DetokenizerFactory(tokenizer).make()
    invalid = tokenizer.convert_tokens_to_ids("ÿ")
    assert [detokenizer.add(invalid) for _ in range(3)] == ["\ufffd"] * 3


def test_ids_beyond_the_tokenizer_have_no_text(tokenizer: TokenizerWrapper) -> None:
    assert DetokenizerFactory(tokenizer).make().add(len(tokenizer) + 5) == ""
