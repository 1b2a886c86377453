"""Which markers and which syntax a model's answers have, told from its tokenizer and its chat template."""

from mlx_lm.tokenizer_utils import TokenizerWrapper

from . import gemma_notation
from .syntax import (
    DEEPSEEK,
    HARMONY,
    HERMES,
    KIMI_K2,
    LLAMA,
    MISTRAL,
    CallSyntax,
    ParsedCalls,
    ReasoningMarkers,
    tagged_json,
)

LIBRARY_JSON_FORMATS: dict[str, CallSyntax] = {"json_tools": HERMES, "mistral": MISTRAL, "kimi_k2": KIMI_K2}
"""Parsers of mlx-lm whose formats stream here."""

TEMPLATE_SYNTAXES: tuple[tuple[tuple[str, ...], CallSyntax], ...] = (
    ((DEEPSEEK.start,), DEEPSEEK),
    (("<TOOLCALL>",), tagged_json("<TOOLCALL>", "</TOOLCALL>")),
    (("<|tool_call|>", "<|/tool_call|>"), tagged_json("<|tool_call|>", "<|/tool_call|>")),
    (("<|tool_call_begin|>", "<|tool_call_end|>"), tagged_json("<|tool_call_begin|>", "<|tool_call_end|>")),
    (("<tool_call>", "</tool_call>"), HERMES),
    (('"parameters": ', "<|start_header_id|>"), LLAMA),
)
"""Formats that mlx-lm does not know, or not always: what the template has to contain; the first match counts."""

TEMPLATE_REASONING = (
    ReasoningMarkers("<think>", "</think>"),
    ReasoningMarkers("[THINK]", "[/THINK]"),
    ReasoningMarkers("<seed:think>", "</seed:think>"),
    ReasoningMarkers("<thought>", "</thought>"),
)
"""Markers that need not be tokens of their own."""

HARMONY_TOKENS = ("<|start|>", "<|channel|>", "<|message|>", "<|call|>")


def infer_reasoning(tokenizer: TokenizerWrapper, template: str) -> ReasoningMarkers | None:
    """The markers of the reasoning, if the model reasons between markers."""
    if tokenizer.has_thinking:
        return ReasoningMarkers(tokenizer.think_start, tokenizer.think_end)
    return next((markers for markers in TEMPLATE_REASONING if markers.end in template), None)


def infer_syntax(tokenizer: TokenizerWrapper, template: str) -> CallSyntax | None:
    """How the model writes calls, as far as its template and its vocabulary tell."""
    vocabulary = tokenizer.get_vocab()
    if all(token in vocabulary for token in HARMONY_TOKENS) and "<|channel|>" in template:
        return HARMONY
    if tokenizer.has_tool_calling:
        module = tokenizer.init_kwargs["tool_parser_type"]
        start, end = tokenizer.tool_call_start, tokenizer.tool_call_end
        parse = gemma_notation.parse_tool_call if module == "function_gemma" else tokenizer.tool_parser
        return LIBRARY_JSON_FORMATS.get(module) or ParsedCalls(start, end, parse, module)
    return next((syntax for parts, syntax in TEMPLATE_SYNTAXES if all(part in template for part in parts)), None)
