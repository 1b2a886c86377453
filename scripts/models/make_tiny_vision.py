"""Make tiny vision models with random weights and byte tokenizers, each with the parts and formats of a model family.

Usage: python make_tiny_vision.py FOLDER [FAMILY...]. Each family becomes a folder in FOLDER; without names, all do.
Needs mlx, mlx-vlm and tokenizers. The chat templates (chat_templates/vision/) are written for tests: they have the
structure of the families' own, not their text. Another image gives other greedy text, as another order of images does.
The same folders come out every time.
"""

import json
import sys
from pathlib import Path

import mlx.core as mx
from byte_tokenizer import make_tokenizer
from mlx.utils import tree_flatten
from mlx_vlm.utils import get_model_and_args, update_module_configs
from tokenizers import Tokenizer
from vision_families import FAMILIES, Json, VisionFamily

TEMPLATES = Path(__file__).parent / "chat_templates" / "vision"

SEED = 1

WEIGHT_SCALE = 0.3
"""Large enough that greedy output varies with prompt and image, and that no two logits are nearly equal."""

SILENCE = 0.01
"""Factor of the rows of tokens that no answer is to hold, such as the placeholder of an image. Not zero: norms before
the layers bring their input embeddings back to size."""

RARITY = 0.75
"""Factor of the rows of tokens that end an answer: one of some dozens of tokens seldom ends by itself."""


def make_config(family: VisionFamily, tokenizer: Tokenizer) -> Json:
    """The model's config.json."""
    ids = tokenizer.get_vocab()
    config = family.config(ids)
    for part in (config, *(config[place] for place in family.vocabulary_places)):
        part["vocab_size"] = len(ids)
    config["eos_token_id"] = [ids[token] for token in family.ends]
    return config


def initial_parameters(config: Json) -> dict[str, mx.array]:
    """Parameters of the family's model by their names, as they are before anything is loaded."""
    # Both calls write into what they are given.
    config = json.loads(json.dumps(config))
    package, _ = get_model_and_args(config)
    for part in ("text_config", "vision_config"):
        config.setdefault(part, {})
    model_config = package.ModelConfig.from_dict(config)
    model_config = update_module_configs(model_config, package, config, ["text", "vision", "projector"])
    return dict(tree_flatten(package.Model(model_config).parameters()))


def make_weights(family: VisionFamily, config: Json, tokenizer: Tokenizer) -> dict[str, mx.array]:
    """Random matrices from a fixed seed; norms and biases keep their initial values."""
    mx.random.seed(SEED)
    weights = {
        name: mx.random.normal(value.shape) * WEIGHT_SCALE if value.ndim > 1 else value
        for name, value in initial_parameters(config).items()
    }
    for name, value in weights.items():
        constant = family.constants.get(name.rsplit(".", 1)[-1])
        if constant is not None:
            weights[name] = mx.full(value.shape, constant)
    weights[family.embedding] = weights[family.embedding] * family.embedding_scale
    output = family.head or family.embedding
    factors = mx.ones((weights[output].shape[0], 1))
    for token in family.special:
        factors[tokenizer.token_to_id(token)] = RARITY if token in family.ends else SILENCE
    weights[output] = weights[output] * factors
    return weights


def tokenizer_config(family: VisionFamily) -> Json:
    """The tokenizer's own file."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "eos_token": family.ends[0],
        "pad_token": family.pad,
        **({"bos_token": family.begin} if family.begin else {}),
        **({"extra_special_tokens": dict(family.named_tokens)} if family.named_tokens else {}),
    }


def write_folder(
    folder: Path, template: str, family: VisionFamily, tokenizer: Tokenizer, config: Json, weights: dict[str, mx.array]
) -> None:
    """Write a model folder with the chat template of this name."""
    folder.mkdir(parents=True, exist_ok=True)

    def write(file: str, content: Json) -> None:
        (folder / file).write_text(json.dumps(content, indent=1))

    tokenizer.save(str(folder / "tokenizer.json"))
    write("tokenizer_config.json", tokenizer_config(family))
    (folder / "chat_template.jinja").write_text((TEMPLATES / f"{template}.jinja").read_text())
    write("config.json", config)
    write("generation_config.json", {"eos_token_id": config["eos_token_id"], "do_sample": False})
    write("preprocessor_config.json", family.preprocessor)
    if family.processor:
        write("processor_config.json", family.processor)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})


def make_family(name: str, folder: Path) -> None:
    """Make the model folder of one family."""
    family = FAMILIES[name]
    tokenizer = make_tokenizer(family.special, family.visible)
    config = make_config(family, tokenizer)
    weights = make_weights(family, config, tokenizer)
    write_folder(folder, family.template or name, family, tokenizer, config, weights)


if __name__ == "__main__":
    for name in sys.argv[2:] or FAMILIES:
        make_family(name, Path(sys.argv[1]) / name)
