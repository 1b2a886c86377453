"""Random schemas and a model that knows nothing: whatever it finishes is JSON of its schema."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from jsonschema import Draft202012Validator
from mlx_lm import load

from constraints_support import RandomSchema, complete, count_allowed, keywords, make_factory
from mlxfleet_worker.constraints.grammar import GrammarFactory
from mlxfleet_worker.wire.frames import JsonConstraint

SCHEMAS = 200
ROWS = 50
MAX_TOKENS = 400
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
        prompts = [[row + 3] for row in range(ROWS)]
        completions = complete(model, prompts, matchers, MAX_TOKENS, mx.random.categorical)
        for schema, grammar, matcher, tokens in zip(schemas, grammars, matchers, completions, strict=True):
            assert matcher.failure is None
            ends = [place for place, token in enumerate(tokens) if token in tokenizer.eos_token_ids]
            assert ends in ([], [len(tokens) - 1])
            assert count_allowed(grammar.start(), tokens) == len(tokens)
            if ends:
                finished += 1
                assert_valid(tokenizer.decode(tokens[:-1]), schema)
    assert finished >= SCHEMAS * 0.6


def assert_valid(text: str, schema: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [error.message for error in validator.iter_errors(json.loads(text))]
    assert errors == [], (text, schema)
