"""A folder into a model of mlx-vlm, its processor, and what the engine knows of a text model."""

from pathlib import Path
from typing import Any, NamedTuple

from mlx import nn
from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.utils import load_config, load_tokenizer
from mlx_vlm import load

from ..model.text_model import Loaded, require_model
from .language_model import VisionLanguageModel
from .served import refuse_unserved


class LoadedVision(NamedTuple):
    """A model whose weights are not read yet."""

    whole: nn.Module
    """mlx-vlm's, with its tower."""
    processor: Any
    language: Loaded
    """Its language part, with the tokenizer."""


def load_vision(path: str, adapter_path: str | None) -> LoadedVision:
    """Load the folder at `path`, with the LoRA adapter of another folder.

    Raises ModelSettingsError for families that are not served, and what else fails.
    """
    folder = require_model(path)
    whole, processor = load(str(folder), adapter_path=adapter_path, lazy=True)
    refuse_unserved(whole)
    config = load_config(folder)
    language = Loaded(VisionLanguageModel(whole), _tokenizer(folder, processor, config), _described(config, whole))
    return LoadedVision(whole, processor, language)


def _tokenizer(folder: Path, processor: Any, config: dict[str, Any]) -> TokenizerWrapper:
    """The tokenizer with the chat template of the processor, where it has none of its own."""
    ends = config.get("eos_token_id") or (config.get("text_config") or {}).get("eos_token_id")
    tokenizer = load_tokenizer(folder, eos_token_ids=ends)
    if tokenizer.chat_template is None and getattr(processor, "chat_template", None) is not None:
        tokenizer.chat_template = processor.chat_template
        tokenizer.has_chat_template = True
    return tokenizer


def _described(config: dict[str, Any], whole: nn.Module) -> dict[str, Any]:
    """The configuration with what mlx-vlm takes for the language part where the folder does not say it."""
    return {**config, "text_config": dict(vars(whole.config.text_config))}
