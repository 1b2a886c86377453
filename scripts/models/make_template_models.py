"""Make tiny llamas with random weights, each with the tokens and a chat template in the style of a model family.

Usage: python make_template_models.py FOLDER [FAMILY...]. Each family becomes a folder in FOLDER; without names, all do.
The templates (chat_templates/) are written for tests: they have the structure of the families' own, not their text. The
same folders come out every time.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
from byte_tokenizer import make_tokenizer
from make_tiny_text import make_config, make_weights

TEMPLATES = Path(__file__).parent / "chat_templates"


@dataclass(frozen=True)
class Family:
    """What a family's tokenizer knows. The first of `ends` is the end-of-sequence token of the tokenizer."""

    special: tuple[str, ...]
    ends: tuple[str, ...]
    visible: tuple[str, ...] = ()
    """Tokens of their own that count as ordinary text."""
    begin: str | None = None


def deepseek_tokens(*names: str) -> tuple[str, ...]:
    """Tokens between angle brackets with full-width bars."""
    return tuple(f"<\uff5c{name}\uff5c>" for name in names)


CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN_VISIBLE = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")
MISTRAL = ("<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]")
MISTRAL_CALLS = ("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]")
GEMMA = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")

FAMILIES = {
    "qwen3": Family(CHATML, ("<|im_end|>", "<|endoftext|>"), QWEN_VISIBLE),
    "qwen3_thinking": Family(CHATML, ("<|im_end|>", "<|endoftext|>"), QWEN_VISIBLE),
    "qwen3_coder": Family(CHATML, ("<|im_end|>", "<|endoftext|>"), QWEN_VISIBLE[:4]),
    "llama3": Family(
        (
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eom_id|>",
            "<|eot_id|>",
            "<|python_tag|>",
        ),
        ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
        begin="<|begin_of_text|>",
    ),
    "mistral_v3": Family((*MISTRAL, *MISTRAL_CALLS), ("</s>",), begin="<s>"),
    "mistral_v11": Family(
        (*MISTRAL, *MISTRAL_CALLS, "[ARGS]", "[CALL_ID]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"), ("</s>",), begin="<s>"
    ),
    "gemma3": Family(GEMMA, ("<end_of_turn>", "<eos>"), begin="<bos>"),
    "function_gemma": Family(
        (
            *GEMMA,
            "<escape>",
            "<start_function_declaration>",
            "<end_function_declaration>",
            "<start_function_call>",
            "<end_function_call>",
            "<start_function_response>",
            "<end_function_response>",
        ),
        ("<end_of_turn>", "<eos>"),
        begin="<bos>",
    ),
    "gemma4": Family(
        (
            "<pad>",
            "<eos>",
            "<bos>",
            "<|turn>",
            "<turn|>",
            "<|think|>",
            "<|channel>",
            "<channel|>",
            '<|"|>',
            "<|tool>",
            "<tool|>",
            "<|tool_call>",
            "<tool_call|>",
            "<|tool_response>",
            "<tool_response|>",
        ),
        ("<turn|>", "<eos>"),
        begin="<bos>",
    ),
    "gpt_oss": Family(
        (
            "<|startoftext|>",
            "<|endoftext|>",
            "<|return|>",
            "<|constrain|>",
            "<|channel|>",
            "<|start|>",
            "<|end|>",
            "<|message|>",
            "<|call|>",
        ),
        ("<|return|>", "<|endoftext|>", "<|call|>"),
        begin="<|startoftext|>",
    ),
    "deepseek": Family(
        deepseek_tokens("begin▁of▁sentence", "end▁of▁sentence"),
        deepseek_tokens("end▁of▁sentence"),
        (
            *deepseek_tokens("User", "Assistant"),
            "<think>",
            "</think>",
            *deepseek_tokens("tool▁calls▁begin", "tool▁call▁begin", "tool▁sep", "tool▁call▁end", "tool▁calls▁end"),
            *deepseek_tokens("tool▁output▁begin", "tool▁output▁end"),
        ),
        begin=deepseek_tokens("begin▁of▁sentence")[0],
    ),
    "pythonic": Family(
        ("<|pad|>", "<|startoftext|>", *CHATML, "<|tool_call_start|>", "<|tool_call_end|>"),
        ("<|im_end|>", "<|endoftext|>"),
        begin="<|startoftext|>",
    ),
}


def make_family(name: str, folder: Path) -> None:
    """Write the model folder of one family."""
    family = FAMILIES[name]
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(family.special, family.visible)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = {"eos_token": family.ends[0], **({"bos_token": family.begin} if family.begin else {})}
    tokenizer_config = {"tokenizer_class": "PreTrainedTokenizerFast", **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    (folder / "chat_template.jinja").write_text((TEMPLATES / f"{name}.jinja").read_text())
    config = make_config(tokenizer.get_vocab_size())
    del config["bos_token_id"]
    config["eos_token_id"] = [tokenizer.token_to_id(token) for token in family.ends]
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(folder / "model.safetensors"), make_weights(config), metadata={"format": "mlx"})


if __name__ == "__main__":
    for name in sys.argv[2:] or FAMILIES:
        make_family(name, Path(sys.argv[1]) / name)
