"""Random schemas and a model that knows nothing: whatever it finishes is JSON of its schema."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from jsonschema import Draft202012Validator
from mlx import nn
from mlx_lm import load
from mlx_lm.models.cache import make_prompt_cache

from constraints_support import RandomSchema, keywords, make_factory
from mlxfleet_worker.constraints.grammar import GrammarFactory
from mlxfleet_worker.constraints.masks import prepare_masks
from mlxfleet_worker.constraints.matcher import Matcher
from mlxfleet_worker.frames import JsonConstraint

SCHEMAS = 200
ROWS = 50
MAX_TOKENS = 500
FEATURES = (
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
    "prefixItems",
    "properties",
    "required",
)


def test_random_schemas_have_every_feature() -> None:
    counts = Counter(keyword for seed in range(SCHEMAS) for keyword in set(keywords(RandomSchema(seed).root())))
    assert {feature for feature in FEATURES if counts[feature] < 10} == set()


@pytest.fixture(scope="module")
def factory(tiny_text: Path) -> GrammarFactory:
    return make_factory(tiny_text)


def test_finished_outputs_are_valid(factory: GrammarFactory, tiny_text: Path) -> None:
    model, tokenizer = load(str(tiny_text))
    mx.random.seed(7)
    finished = 0
    for first in range(0, SCHEMAS, ROWS):
        schemas = [RandomSchema(seed).root() for seed in range(first, first + ROWS)]
        grammars = [factory.json(JsonConstraint(schema)) for schema in schemas]
        matchers = [grammar.start() for grammar in grammars]
        for schema, grammar, matcher, tokens in zip(
            schemas, grammars, matchers, sample(model, matchers, MAX_TOKENS), strict=True
        ):
            assert matcher.failure is None
            ends = [place for place, token in enumerate(tokens) if token in tokenizer.eos_token_ids]
            assert ends in ([], [len(tokens) - 1])
            assert grammar.start().count_allowed(tokens) == len(tokens)
            if ends:
                finished += 1
                assert_valid(tokenizer.decode(tokens[:-1]), schema)
    assert finished >= SCHEMAS * 0.6


def sample(model: nn.Module, matchers: list[Matcher], max_tokens: int) -> list[list[int]]:
    """Tokens of each matcher's completion, at temperature 1, up to the end of the sequence or so many."""
    caches = make_prompt_cache(model)
    completions: list[list[int]] = [[] for _ in matchers]
    running: list[Matcher | None] = list(matchers)
    inputs = mx.array([[token + 3] for token in range(len(matchers))])
    for _ in range(max_tokens):
        logits = model(inputs, cache=caches)[:, -1, :]
        mx.async_eval(logits)
        drawn = mx.random.categorical(prepare_masks(running).apply(logits))
        for row, token in enumerate(drawn.tolist()):
            matcher = running[row]
            if matcher is None:
                continue
            matcher.advance(token)
            completions[row].append(token)
            if token in matcher.vocabulary.end_tokens:
                running[row] = None
        if not any(running):
            break
        inputs = drawn[:, None]
    return completions


def assert_valid(text: str, schema: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [error.message for error in validator.iter_errors(json.loads(text))]
    assert errors == [], (text, schema)
