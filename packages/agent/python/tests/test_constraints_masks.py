"""Masks on logits: exactly the allowed tokens stay, other rows stay bit for bit, and one bad row harms no other."""

from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.tokenizer_utils import TokenizerWrapper

from constraints_support import (
    apply_masks,
    count_allowed,
    feed,
    is_complete,
    make_byte_level,
    make_factory,
    make_sentencepiece,
)
from mlxfleet_worker.constraints import masks
from mlxfleet_worker.constraints.grammar import GrammarFactory
from mlxfleet_worker.constraints.masks import prepare_masks
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import JsonConstraint

PADDING = 45


@pytest.fixture(scope="module")
def factory(tiny_text: Path) -> GrammarFactory:
    return make_factory(tiny_text)


def make_logits(rows: int, tokens: int, dtype: mx.Dtype = mx.float32) -> mx.array:
    logits = mx.random.normal((rows, tokens), key=mx.random.key(3)).astype(dtype)
    # A value whose bits a sum or a product would change.
    logits[:, 5] = -0.0
    return logits


def bits_of(array: mx.array) -> bytes:
    return np.array(array.view(mx.uint16 if array.itemsize == 2 else mx.uint32)).tobytes()


def left(row: mx.array) -> set[int]:
    return {token for token, value in enumerate(row.astype(mx.float32).tolist()) if value != -np.inf}


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_only_constrained_rows_change(factory: GrammarFactory, dtype: mx.Dtype) -> None:
    grammar = factory.json(JsonConstraint(None))
    logits = make_logits(4, 259, dtype)
    masked = apply_masks(logits, [None, grammar.start(), None, grammar.start()])
    assert masked.dtype == dtype
    for row in (0, 2):
        assert bits_of(masked[row]) == bits_of(logits[row])
    opening = set(factory._tokenizer.encode("{", add_special_tokens=False))
    for row in (1, 3):
        assert left(masked[row]) == opening
        assert all(masked[row, token].item() == logits[row, token].item() for token in opening)


def test_a_batch_without_constraints_is_left_alone() -> None:
    logits = make_logits(3, 259)
    assert apply_masks(logits, [None] * 3) is logits
    assert apply_masks(logits[:0], []).shape == (0, 259)


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_in_different_places_of_different_grammars(
    factory: GrammarFactory, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "_threads", lambda: threads)
    masks._executor.cache_clear()
    texts = ["", "{", '{"a', '{"a":', '{"a":1', '{"a":1}']
    schemas = [None, {"type": "object", "properties": {"a": {"type": "integer"}}}]
    matchers = [factory.json(JsonConstraint(schema)).start() for schema in schemas for _ in texts]
    for matcher, text in zip(matchers, texts * 2, strict=True):
        feed(matcher, factory._tokenizer.encode(text, add_special_tokens=False))
    masked = apply_masks(make_logits(len(matchers), 259), matchers)
    for row, matcher in enumerate(matchers):
        expected = {token for token in range(259) if count_allowed(matcher, [token])}
        # llguidance counts no end of sequence behind the grammar's own end.
        assert left(masked[row]) == (expected or {2})
    masks._executor.cache_clear()


def test_all_end_tokens_are_allowed_at_the_end_and_none_before(tiny_text: Path) -> None:
    """One of them is a letter, which text before the end may not have then."""
    tokenizer = make_factory(tiny_text)._tokenizer
    (letter,) = tokenizer.encode("x", add_special_tokens=False)
    ends = {0, 2, letter}
    factory = GrammarFactory(tokenizer, 259, ends)
    for schema, text in (({"type": "string"}, '"abc"'), ({"type": "integer"}, "12")):
        matcher = factory.json(JsonConstraint(schema)).start()
        for token in tokenizer.encode(text, add_special_tokens=False):
            masked = left(apply_masks(make_logits(1, 259), [matcher])[0])
            assert matcher.is_accepting or not masked & ends
            matcher.advance(token)
        assert left(apply_masks(make_logits(1, 259), [matcher])[0]) >= ends
        matcher.advance(letter)
        assert is_complete(matcher)


@pytest.mark.parametrize("text", ["start: %json {}", "start: /(?s:.*)/ <[0]> %json {}"])
def test_tokens_that_pad_the_vocabulary_are_forbidden(tiny_text: Path, text: str) -> None:
    factory = make_factory(tiny_text, padding=PADDING)
    logits = make_logits(2, 259 + PADDING)
    masked = apply_masks(logits, [factory.lark(text, "tools").start(), None])
    assert left(masked[0])
    assert max(left(masked[0])) < 259
    assert bits_of(masked[1]) == bits_of(logits[1])


def test_logits_wider_than_the_configuration_says(factory: GrammarFactory) -> None:
    logits = make_logits(2, 400)
    masked = apply_masks(logits, [factory.json(JsonConstraint(None)).start(), None])
    assert max(left(masked[0])) < 259
    assert bits_of(masked[1]) == bits_of(logits[1])


def test_a_model_with_fewer_tokens_than_its_tokenizer(tiny_text: Path) -> None:
    """`{` is token 93, `}` 95 and `"` 4: the object can begin, and this one cannot end."""
    tokenizer = make_factory(tiny_text)._tokenizer
    (brace,) = tokenizer.encode("{", add_special_tokens=False)
    (close,) = tokenizer.encode("}", add_special_tokens=False)
    factory = GrammarFactory(tokenizer, brace + 1, {2})
    schema = {"type": "object", "additionalProperties": False}
    stuck, other = (factory.json(JsonConstraint(each)).start() for each in (schema, None))
    assert left(apply_masks(make_logits(1, brace + 1), [stuck])[0]) == {brace}
    feed(stuck, [brace])
    logits = make_logits(2, brace + 1)
    masked = apply_masks(logits, [stuck, other])
    assert close > brace
    assert left(masked[1]) == {brace}
    # The space and the line break that may stand there are tokens of the second half.
    assert stuck.failure is not None
    assert stuck.failure.kind == "internal"
    assert bits_of(masked[0]) == bits_of(logits[0])


def test_a_matcher_that_fails_leaves_the_others(factory: GrammarFactory) -> None:
    grammar = factory.json(JsonConstraint({"type": "string", "pattern": "^(.{1,1000}){1,1000}$"}))
    bad = grammar.start()
    feed(bad, factory._tokenizer.encode('"ab', add_special_tokens=False))
    good = factory.json(JsonConstraint(None)).start()
    for _ in range(2000):
        prepare_masks([bad, good])
        if bad.failure is not None:
            break
        bad.advance(factory._tokenizer.encode("c", add_special_tokens=False)[0])
    assert isinstance(bad.failure, RequestError)
    assert bad.failure.kind == "internal"
    logits = make_logits(2, 259)
    masked = apply_masks(logits, [bad, good])
    assert bits_of(masked[0]) == bits_of(logits[0])
    assert left(masked[1]) == set(factory._tokenizer.encode("{", add_special_tokens=False))


@pytest.mark.parametrize("make", [make_byte_level, make_sentencepiece])
def test_other_tokenizers(make: Callable[[], TokenizerWrapper]) -> None:
    tokenizer = make()
    factory = GrammarFactory(tokenizer, len(tokenizer), tokenizer.eos_token_ids)
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    matcher = factory.json(JsonConstraint(schema)).start()
    text = '{"name": "é 1\\n日"}'
    tokens = tokenizer.encode(text, add_special_tokens=False)
    if tokenizer.convert_ids_to_tokens(tokens[0]) == "▁":
        # What such tokenizers put before every text.
        tokens = tokens[1:]
    for token in tokens:
        masked = left(apply_masks(make_logits(1, len(tokenizer)), [matcher])[0])
        assert token in masked
        assert not masked & set(tokenizer.eos_token_ids)
        matcher.advance(token)
    assert left(apply_masks(make_logits(1, len(tokenizer)), [matcher])[0]) == set(tokenizer.eos_token_ids)


def test_tokenizers_that_cannot_be_used() -> None:
    class Slow:
        """A tokenizer that is all Python."""

    tokenizer = make_byte_level()
    for factory, words in (
        (GrammarFactory(Slow(), 100, {0}), "not one of the tokenizers library's"),
        (GrammarFactory(tokenizer, len(tokenizer), set()), "no token ends a sequence"),
        (GrammarFactory(tokenizer, len(tokenizer), {10_000}), "no token ends a sequence"),
    ):
        with pytest.raises(RequestError, match=words) as caught:
            factory.json(JsonConstraint(None))
        assert caught.value.param == "response_format"
