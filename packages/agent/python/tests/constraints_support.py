"""Tokenizers of every sort and random schemas, for the tests of constraints."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.tokenizer_utils import TokenizerWrapper, load
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mlxfleet_worker.constraints.grammar import GrammarFactory
from mlxfleet_worker.constraints.masks import prepare_masks
from mlxfleet_worker.constraints.matcher import Matcher

NAMES = ("a", "name", "the value", "x-y", "é", "0", "type", "properties", 'a "quote"', "日本", "😀", "")
PATTERNS = ("^[a-z]{1,8}$", r"^\d{3}-\d{4}$", "^(red|green|blue)$", "^a.c$", r"^\w+@\w+\.com$", "^(?:ab|cd){1,3}e?$")
FORMATS = ("date-time", "time", "date", "duration", "email", "ipv4", "ipv6", "uuid")
TEXT = 'The cat\'s JSON: {"name": [1, 2.5, null, true, "é 日本"]}\n\t</think>'


def make_factory(folder: Path, *, padding: int = 0) -> GrammarFactory:
    """The factory for the model in a folder, whose vocabulary has so many tokens more than its tokenizer."""
    tokenizer = load(folder)
    return GrammarFactory(tokenizer, len(tokenizer) + padding, tokenizer.eos_token_ids)


def make_byte_level(specials: tuple[str, ...] = ("<|end|>", "<think>", "</think>", "<|sep|>")) -> TokenizerWrapper:
    """A byte-level tokenizer with merges, as Qwen, Llama 3 and GPT-OSS have; `<|end|>` ends a sequence."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([TEXT] * 5, trainer)
    return _wrapped(tokenizer, specials[0])


def make_sentencepiece() -> TokenizerWrapper:
    """A tokenizer as converted from SentencePiece: `▁` for spaces, bytes where there is no piece."""
    pieces = [
        "<unk>",
        "<s>",
        "</s>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        '▁{"',
        '":',
        "▁1",
        "name",
        *"{}[]:,",
    ]
    pieces += [*'"0123456789abcdefghijklmnopqrstuvwxyz']
    tokenizer = Tokenizer(
        models.BPE(
            {piece: id for id, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True, fuse_unk=True
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in pieces[:3]])
    return _wrapped(tokenizer, "</s>")


def _wrapped(tokenizer: Tokenizer, end: str) -> TokenizerWrapper:
    return TokenizerWrapper(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end))


def count_allowed(matcher: Matcher, tokens: list[int]) -> int:
    """How many of these tokens may follow one after the other. Takes none of them."""
    return matcher.library.validate_tokens(tokens)


def is_complete(matcher: Matcher) -> bool:
    """Whether nothing but the end of the sequence may follow."""
    return matcher.failure is None and matcher.library.is_stopped()


def apply_masks(logits: mx.array, matchers: Sequence[Matcher | None]) -> mx.array:
    """Forbid in each row, [rows, tokens], what its matcher does not allow. None leaves a row as it is."""
    return prepare_masks(matchers).apply(logits)


def close(factory: GrammarFactory) -> None:
    """Let go of the process that tries grammars."""
    factory._trials.close()


def feed(matcher: Matcher, tokens: list[int]) -> int:
    """Advance by tokens as long as they are allowed; returns how many were."""
    for place, token in enumerate(tokens):
        if count_allowed(matcher, [token]) == 0:
            return place
        matcher.advance(token)
        assert matcher.failure is None
    return len(tokens)


def complete(
    model: nn.Module,
    prompts: list[list[int]],
    matchers: list[Matcher],
    max_tokens: int,
    draw: Callable[[mx.array], mx.array],
) -> list[list[int]]:
    """Each matcher's completion of its prompt, with the end of the sequence where it came. Prompts of one length."""
    cache = make_prompt_cache(model)
    completions: list[list[int]] = [[] for _ in matchers]
    running: list[Matcher | None] = list(matchers)
    inputs = mx.array(prompts)
    for _ in range(max_tokens):
        logits = model(inputs, cache=cache)[:, -1, :]
        mx.async_eval(logits)
        drawn = draw(prepare_masks(running).apply(logits))
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


class RandomSchema:
    """A schema of every kind that agents send, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._definitions: dict[str, Any] = {}

    def root(self) -> dict[str, Any]:
        """The whole schema: nearly always an object."""
        random = self._random
        schema = self._object(3) if random.random() < 0.85 else self._schema(3)
        if random.random() < 0.2:
            tree = {
                "type": "object",
                "properties": {
                    "value": self._number(),
                    "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
                    "rest": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2},
                },
                "required": ["value", "left"],
                "additionalProperties": False,
            }
            self._definitions["tree"] = tree
            reference = {"$ref": "#/$defs/tree"}
            schema = {"type": "object", "properties": {"tree": reference, "other": schema}, "required": ["tree"]}
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def _schema(self, depth: int) -> dict[str, Any]:
        simple = [self._string, self._string, self._number, self._fixed, self._enum]
        nested = [self._array, self._object, self._object, self._any_of, self._nullable, self._defined]
        if depth <= 0 or self._random.random() < 0.45:
            return self._random.choice(simple)()
        return self._random.choice(nested)(depth)

    def _string(self) -> dict[str, Any]:
        random = self._random
        least = random.randrange(4)
        choices: list[Callable[[], dict[str, Any]]] = [
            dict,
            lambda: {"maxLength": 12},
            lambda: {"minLength": least, "maxLength": least + random.randrange(8)},
            lambda: {"pattern": random.choice(PATTERNS)},
            lambda: {"pattern": PATTERNS[0], "maxLength": 5},
            lambda: {"format": random.choice(FORMATS)},
        ]
        return {"type": "string", **random.choice(choices)()}

    def _number(self) -> dict[str, Any]:
        random = self._random
        low = random.choice([0, 1, -17, 0.5, -1e3, random.randrange(-10_000, 10_000)])
        high = low + random.choice([1, 2.5, 100, 12_345])
        choices: list[dict[str, Any]] = [
            {"type": "integer"},
            {"type": "number"},
            {"type": "integer", "minimum": low, "maximum": high},
            {"type": "number", "minimum": low, "maximum": high},
            {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high},
            {"type": "integer", "minimum": low},
            {"type": "integer", "multipleOf": random.choice([2, 5, 12])},
        ]
        return random.choice(choices)

    def _fixed(self) -> dict[str, Any]:
        return self._random.choice([{"type": "boolean"}, {"type": "null"}, {"const": self._literal(2)}])

    def _enum(self) -> dict[str, Any]:
        return {"enum": [self._literal(1) for _ in range(self._random.randrange(1, 5))]}

    def _literal(self, depth: int) -> Any:
        random = self._random
        plain = [
            None,
            True,
            0,
            -0.5,
            1e-7,
            123456789012,
            "",
            'a\\b\n\té"/',
            random.choice(NAMES),
            random.randrange(999),
        ]
        if depth > 0 and random.random() < 0.2:
            return [self._literal(depth - 1), {name: self._literal(depth - 1) for name in self._names(2)}]
        return random.choice(plain)

    def _array(self, depth: int) -> dict[str, Any]:
        random = self._random
        least = random.randrange(3)
        schema: dict[str, Any] = {"type": "array", "items": self._schema(depth - 1)}
        if random.random() < 0.7:
            schema |= {"minItems": least, "maxItems": least + random.randrange(3)}
        if random.random() < 0.25:
            schema["prefixItems"] = [self._schema(depth - 1)]
        return schema

    def _object(self, depth: int) -> dict[str, Any]:
        random = self._random
        names = self._names(random.randrange(1, 5))
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: self._schema(depth - 1) for name in names},
            "required": [name for name in names if random.random() < 0.75],
        }
        rest = random.choice([None, False, False, False, True, self._schema(0)])
        return schema if rest is None else {**schema, "additionalProperties": rest}

    def _any_of(self, depth: int) -> dict[str, Any]:
        return {"anyOf": [self._schema(depth - 1) for _ in range(self._random.randrange(1, 4))]}

    def _nullable(self, depth: int) -> dict[str, Any]:
        schema = self._random.choice([self._string, self._number, lambda: self._array(depth - 1)])()
        return {**schema, "type": [schema["type"], "null"]}

    def _defined(self, depth: int) -> dict[str, Any]:
        schema = self._schema(depth - 1)
        name = f"d{len(self._definitions)}"
        self._definitions[name] = schema
        return {"$ref": f"#/$defs/{name}", "description": "defined elsewhere"}

    def _names(self, count: int) -> list[str]:
        return self._random.sample(NAMES, count)


def keywords(value: Any) -> Iterator[str]:
    """Every key in a value, at any depth."""
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from keywords(each)
    elif isinstance(value, list):
        for each in value:
            yield from keywords(each)
