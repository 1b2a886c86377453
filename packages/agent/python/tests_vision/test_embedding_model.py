"""A real embedding model against a computation of its own, and what its files say of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_reference import BertReference, unit
from mlxfleet_worker.embedding.model import EmbeddingModel
from mlxfleet_worker.tokens.tokenizing import detokenize, tokenize
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.prompts import ChatPrompt, TextPrompt, TokensPrompt

TEXTS = ["Zebra.", "A man is playing a guitar on a stage.", "Zürich — 東京 🎸", "   "]


@pytest.fixture(scope="module")
def model(minilm: Path) -> EmbeddingModel:
    """The model as it is."""
    return EmbeddingModel(str(minilm), None)


@pytest.fixture(scope="module")
def reference(minilm: Path) -> BertReference:
    """The same weights."""
    return BertReference(minilm)


def changed(folder: Path, target: Path, file: str, **fields: Any) -> str:
    """A copy of a model, the weights linked, with fields of one of its files changed."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.safetensors"))
    (target / "model.safetensors").symlink_to(folder / "model.safetensors")
    content = json.loads((target / file).read_text()) | fields
    (target / file).write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    return str(target)


def test_vectors_are_those_of_the_weights(model: EmbeddingModel, reference: BertReference) -> None:
    rows = model.encode(TEXTS)
    expected = [reference.mean(row) for row in rows]
    # One pass for all, so that the shorter ones are padded.
    assert np.allclose([unit(vector) for vector in model.embed(rows)], expected, atol=1e-5)


def test_padding_changes_nothing(model: EmbeddingModel) -> None:
    rows = model.encode(["short", "This one is a good deal longer than the one before it is."])
    together = model.embed(rows)
    alone = [model.embed([row])[0] for row in rows]
    assert np.allclose(together, alone, atol=1e-5)


def test_pooling_is_what_the_models_files_say(minilm: Path, tmp_path: Path, reference: BertReference) -> None:
    fields = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    model = EmbeddingModel(changed(minilm, tmp_path / "cls", "1_Pooling/config.json", **fields), None)
    rows = model.encode(TEXTS)
    assert np.allclose(
        [unit(vector) for vector in model.embed(rows)], [reference.first(row) for row in rows], atol=1e-5
    )


def test_pooling_that_cannot_be_had_fails_the_load(minilm: Path, tmp_path: Path) -> None:
    folder = changed(minilm, tmp_path / "both", "1_Pooling/config.json", pooling_mode_max_tokens=True)
    with pytest.raises(NotImplementedError, match="pooling"):
        EmbeddingModel(folder, None)


@pytest.mark.parametrize(
    ("file", "fields", "limit", "length"),
    [
        ("config.json", {}, None, 256),
        ("config.json", {}, 100, 100),
        ("config.json", {}, 400, 400),
        ("config.json", {}, 100_000, 512),
        ("sentence_bert_config.json", {"max_seq_length": None}, None, 512),
        ("sentence_bert_config.json", {"max_seq_length": 100_000}, None, 512),
    ],
)
def test_the_longest_input(
    minilm: Path, tmp_path: Path, file: str, fields: dict[str, Any], limit: int | None, length: int
) -> None:
    assert EmbeddingModel(changed(minilm, tmp_path / "model", file, **fields), limit).context_length == length


def test_the_tokenizers_own_truncation_is_not_applied(model: EmbeddingModel) -> None:
    # Its tokenizer.json cuts at 128 and pads to it.
    assert len(model.encode(["zebra " * 500])[0]) > 500
    assert len(model.encode(["zebra"])[0]) < 10


def test_tokens_and_texts(model: EmbeddingModel) -> None:
    tokens = tokenize(model, TextPrompt("A zebra"))
    assert tokens == model.encode(["A zebra"])[0]
    assert tokenize(model, TokensPrompt(tokens)) == tokens
    assert detokenize(model, tokens) == "[CLS] a zebra [SEP]"
    with pytest.raises(RequestError, match="30522"):
        detokenize(model, [30522])
    with pytest.raises(RequestError, match="no messages"):
        tokenize(model, ChatPrompt([{"role": "user", "content": "x"}], {}))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        EmbeddingModel(str(tmp_path), None)
