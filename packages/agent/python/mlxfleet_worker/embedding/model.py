"""A model that turns text into vectors, loaded by mlx-vlm. Every call to that library is here."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_vlm.embedding_loader import load_embedding_model
from mlx_vlm.models.pooling import read_pooling_config
from transformers import AutoTokenizer

from ..wire.errors import RequestError
from ..wire.frames import NO_TOOLS, ToolChoice
from ..wire.prompts import ChatPrompt, Prompt, TextPrompt

UNKNOWN_CONTEXT_LENGTH = 512
"""For models that name no longest input: what most of them were trained with."""


class EmbeddingModel:
    """One loaded model. Made and run on the engine thread; others may use the tokenizer, as of TextModel."""

    def __init__(self, path: str, context_limit: int | None) -> None:
        """Load the folder at `path`. Raises whatever the library raises, FileNotFoundError for a missing folder."""
        folder = Path(path)
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"{path} holds no config.json")
        self.model = load_embedding_model(folder)
        # The library's loader leaves this to its server; without it every model is pooled as its family mostly is.
        self.model.pooling_config = read_pooling_config(folder)
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config = _read_object(folder / "config.json")
        config |= config.get("text_config") or {}
        self.vocabulary_size: int = config.get("vocab_size") or len(self.tokenizer)
        self.context_length = _context_length(config, _read_object(folder / "sentence_bert_config.json"), context_limit)
        self._padding: int = config.get("pad_token_id") or self.tokenizer.pad_token_id or 0
        self.dimensions = self._warm_up()

    def tokens(self, prompt: Prompt, _tool_choice: ToolChoice = NO_TOOLS) -> list[int]:
        """The tokens of one input of any length, the special ones included. Raises RequestError for an invalid one."""
        match prompt:
            case ChatPrompt():
                raise RequestError("This model turns text into vectors and takes no messages.", "messages")
            case TextPrompt():
                return self.encode([prompt.text])[0]
            case _:
                self.check_tokens(prompt.tokens, prompt.param)
                return list(prompt.tokens)

    def encode(self, texts: list[str]) -> list[list[int]]:
        """The tokens of each text, untruncated, whatever the tokenizer's own files say."""
        encoded = self.tokenizer(
            texts, padding=False, truncation=False, return_attention_mask=False, return_token_type_ids=False
        )
        return encoded["input_ids"]

    def check_tokens(self, tokens: list[int], param: str) -> None:
        """Raise RequestError that names `param` for a token that the model does not have."""
        for token in tokens:
            if not 0 <= token < self.vocabulary_size:
                raise RequestError(f"Token {token} is not in the vocabulary of {self.vocabulary_size} tokens.", param)

    def embed(self, rows: Sequence[list[int]]) -> np.ndarray:
        """One forward pass: float32 of shape (rows, dimensions). Rows are padded on the right to the longest."""
        longest = max(len(row) for row in rows)
        tokens = np.full((len(rows), longest), self._padding, dtype=np.int32)
        mask = np.zeros((len(rows), longest), dtype=np.int32)
        for index, row in enumerate(rows):
            tokens[index, : len(row)] = row
            mask[index, : len(row)] = 1
        vectors = self.model(mx.array(tokens), attention_mask=mx.array(mask)).text_embeds
        return np.array(vectors.astype(mx.float32))

    def _warm_up(self) -> int:
        """Run the model once, so that one that cannot run fails here; the length of its vectors."""
        vectors = self.embed(self.encode(["warm up"]))
        if vectors.ndim != 2:
            raise ValueError("the model gives a vector for each token, and not one for each text")
        return vectors.shape[1]


def _context_length(config: dict[str, Any], sentences: dict[str, Any], limit: int | None) -> int:
    """Tokens of the longest input: what the model was made for, which `limit` replaces up to what it can take."""
    possible = config.get("max_position_embeddings")
    if config.get("position_embedding_type") == "absolute" and "roberta" in str(config.get("model_type")):
        # Their positions begin behind the padding's.
        possible -= config.get("pad_token_id", 1) + 1
    wanted = limit or sentences.get("max_seq_length") or possible or UNKNOWN_CONTEXT_LENGTH
    return min(wanted, possible or wanted)


def _read_object(file: Path) -> dict[str, Any]:
    """A JSON object; an empty one when there is no such file."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
