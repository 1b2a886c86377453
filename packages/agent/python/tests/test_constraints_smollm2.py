"""A real model under a constraint writes what it would have written, in the shape that was asked for."""

import json
from pathlib import Path

import mlx.core as mx
import mlx_lm

from constraints_support import complete, make_factory
from mlxfleet_worker.wire.frames import JsonConstraint

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def test_a_small_schema(smollm2: Path) -> None:
    model, tokenizer = mlx_lm.load(str(smollm2))
    messages = [{"role": "user", "content": "Ada Lovelace was 36 years old. Give me her name and age as JSON."}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    matcher = make_factory(smollm2).json(JsonConstraint(SCHEMA)).start()
    (tokens,) = complete(model, [prompt], [matcher], 60, lambda logits: mx.argmax(logits, axis=-1))
    assert tokens[-1] in tokenizer.eos_token_ids
    person = json.loads(tokenizer.decode(tokens[:-1]))
    assert person["name"] == "Ada Lovelace"
    assert 0 <= person["age"] <= 150
    assert list(person) == ["name", "age"]
