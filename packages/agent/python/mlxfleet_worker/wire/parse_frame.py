"""Requests are JSON objects, one a line (packages/protocol/src/worker-frames/): checks of everything they may hold.

Unknown fields are ignored: a newer agent may send more than this worker knows.
"""

import json
import re
from typing import Any

from .errors import RequestError
from .fields import choice_field, flag_field, optional_whole_field, replace_surrogates, text_field, whole_field
from .frames import (
    NO_TOOLS,
    CancelFrame,
    DetokenizeFrame,
    EmbedFrame,
    GenerateFrame,
    JsonConstraint,
    LoadFrame,
    MediaSettings,
    PingFrame,
    PrefixCacheSettings,
    RequestFrame,
    ShrinkFrame,
    SpeculationSettings,
    TokenizeFrame,
    ToolChoice,
)
from .parameters import parse_sampling
from .prompts import parse_prompt

MAX_TOP_LOGPROBS = 20
MAX_DRAFTED_TOKENS = 16
_ID_BEHIND_TYPE = re.compile(rb'\{"type":"\w+","id":"([\w.:-]+)"')


class FrameError(Exception):
    """A line that is not a valid frame. `id` is the request it names, when it names one."""

    def __init__(self, message: str, id: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.id = id
        self.param = param


def parse_frame(line: bytes) -> RequestFrame:
    """Check one line. Raises FrameError."""
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {type(error).__name__}", _written_id(line)) from error
    if not isinstance(frame, dict):
        raise FrameError("a frame must be an object")
    id = frame.get("id")
    known_id = id if isinstance(id, str) else None
    try:
        return _parse(frame)
    except RequestError as error:
        raise FrameError(error.message, known_id, error.param) from error
    except RecursionError as error:
        # What the C scanner of JSON still reads can be too deep for a walk in Python.
        raise FrameError("The request is nested too deeply.", known_id) from error


def _written_id(line: bytes) -> str | None:
    """The request that a line would have named, had it been readable: agents write the id behind the type."""
    match = _ID_BEHIND_TYPE.match(line)
    return None if match is None else match[1].decode()


def _parse(frame: dict[str, Any]) -> RequestFrame:
    match frame.get("type"):
        case "load":
            return _load(frame)
        case "generate":
            return _generate(frame)
        case "cancel":
            return CancelFrame(id=text_field(frame, "id"))
        case "ping":
            return PingFrame(nonce=whole_field(frame, "nonce", least=None))
        case "shrink":
            return ShrinkFrame(whole_field(frame, "kept_bytes", least=0))
        case "tokenize":
            return TokenizeFrame(
                id=text_field(frame, "id"),
                prompt=parse_prompt(frame.get("prompt")),
                add_special_tokens=flag_field(frame, "add_special_tokens", True),
                cache_scope=_optional_text(frame, "cache_scope"),
            )
        case "detokenize":
            return DetokenizeFrame(text_field(frame, "id"), _tokens(frame.get("tokens"), "tokens"))
        case "embed":
            return _embed(frame)
        case other:
            raise RequestError(f"Unknown frame type {str(other)[:40]!r}.", "type")


def _load(frame: dict[str, Any]) -> LoadFrame:
    kv_bits = optional_whole_field(frame, "kv_bits")
    if kv_bits not in (None, 4, 8):
        raise RequestError("kv_bits must be 4 or 8.", "kv_bits")
    task = choice_field(frame, "task", ("generate", "vision", "embed"), "generate")
    media = _media_settings(frame.get("media"))
    if task == "vision" and media is None:
        raise RequestError("A vision model needs media.", "media")
    return LoadFrame(
        path=text_field(frame, "path"),
        context_length=optional_whole_field(frame, "context_length"),
        memory_limit_bytes=optional_whole_field(frame, "memory_limit_bytes"),
        max_batch_size=whole_field(frame, "max_batch_size", least=1),
        task=task,
        adapter_path=_optional_text(frame, "adapter_path"),
        wired_limit_bytes=optional_whole_field(frame, "wired_limit_bytes", least=0),
        kv_bits=kv_bits,
        prefix_cache=_prefix_cache(frame.get("prefix_cache")),
        speculation=_speculation(frame.get("speculation")),
        media=media,
    )


def _media_settings(value: Any) -> MediaSettings | None:
    if value is None:
        return None
    fields = _object(value, "media")
    return MediaSettings(
        spool_path=text_field(fields, "spool_path"),
        max_side=whole_field(fields, "max_side", least=1),
        max_pixels=whole_field(fields, "max_pixels", least=1),
        max_pdf_pages=whole_field(fields, "max_pdf_pages", least=1),
        pdf_dpi=whole_field(fields, "pdf_dpi", least=1),
        image_cache_bytes=whole_field(fields, "image_cache_bytes", least=0),
        feature_cache_bytes=whole_field(fields, "feature_cache_bytes", least=0),
    )


def _prefix_cache(value: Any) -> PrefixCacheSettings:
    if value is None:
        return PrefixCacheSettings()
    fields = _object(value, "prefix_cache")
    return PrefixCacheSettings(
        memory_bytes=whole_field(fields, "memory_bytes", least=0),
        disk_path=_optional_text(fields, "disk_path"),
        disk_bytes=whole_field(fields, "disk_bytes", least=0),
    )


def _speculation(value: Any) -> SpeculationSettings:
    if value is None:
        return SpeculationSettings()
    fields = _object(value, "speculation")
    tokens = whole_field(fields, "tokens", least=1)
    if tokens > MAX_DRAFTED_TOKENS:
        raise RequestError(f"tokens must be at most {MAX_DRAFTED_TOKENS}.", "speculation")
    return SpeculationSettings(flag_field(fields, "prompt_lookup", False), _optional_text(fields, "draft_path"), tokens)


def _generate(frame: dict[str, Any]) -> GenerateFrame:
    stop = frame.get("stop") or []
    if not isinstance(stop, list) or not all(isinstance(text, str) and text for text in stop):
        raise RequestError("stop must be a list of non-empty texts.", "stop")
    logprobs = optional_whole_field(frame, "logprobs", least=0)
    if logprobs is not None and logprobs > MAX_TOP_LOGPROBS:
        raise RequestError(f"top_logprobs must be at most {MAX_TOP_LOGPROBS}.", "top_logprobs")
    return GenerateFrame(
        id=text_field(frame, "id"),
        prompt=parse_prompt(frame.get("prompt")),
        max_tokens=optional_whole_field(frame, "max_tokens"),
        sampling=parse_sampling(frame.get("sampling")),
        stop=[replace_surrogates(text) for text in stop],
        logprobs=logprobs,
        constraint=_constraint(frame.get("constraint")),
        tool_choice=_tool_choice(frame.get("tool_choice")),
        parallel_tool_calls=flag_field(frame, "parallel_tool_calls", True),
        cache_scope=_optional_text(frame, "cache_scope"),
    )


def _constraint(value: Any) -> JsonConstraint | None:
    if value is None:
        return None
    fields = _object(value, "response_format")
    match fields.get("kind"):
        case "json_object":
            return JsonConstraint(None)
        case "json_schema":
            return JsonConstraint(replace_surrogates(_object(fields.get("schema"), "response_format")))
        case other:
            raise RequestError(f"Unknown constraint kind {str(other)[:40]!r}.", "response_format")


def _tool_choice(value: Any) -> ToolChoice:
    match value:
        case None | "none":
            return NO_TOOLS
        case "auto" | "required":
            return ToolChoice(value)
        case {"name": str(name)}:
            return ToolChoice("named", name)
        case _:
            raise RequestError("tool_choice must be none, auto, required or name a tool.", "tool_choice")


def _embed(frame: dict[str, Any]) -> EmbedFrame:
    inputs = frame.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise RequestError("input must be a list that is not empty.", "input")
    return EmbedFrame(
        id=text_field(frame, "id"),
        inputs=[replace_surrogates(each) if isinstance(each, str) else _tokens(each, "input") for each in inputs],
        dimensions=optional_whole_field(frame, "dimensions"),
    )


def _tokens(value: Any, param: str) -> list[int]:
    if not isinstance(value, list) or not all(type(token) is int for token in value):
        raise RequestError(f"{param} must be a list of token ids.", param)
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(f"{name} must be an object.", name)
    return value


def _optional_text(fields: dict[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else replace_surrogates(text_field(fields, name))
