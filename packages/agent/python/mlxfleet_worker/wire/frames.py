"""Requests of the agent as plain Python values: nothing behind this folder meets a malformed frame."""

from dataclasses import dataclass
from typing import Any, Literal

from .parameters import Sampling
from .prompts import Prompt

PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True)
class PrefixCacheSettings:
    """Where prefixes of prompts are kept. Sizes in bytes; 0 bytes of memory keep none."""

    memory_bytes: int = 0
    disk_path: str | None = None
    disk_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SpeculationSettings:
    """Who guesses tokens for the model to check, and how many at once."""

    prompt_lookup: bool = False
    draft_path: str | None = None
    tokens: int = 4


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where files of requests are, and within which limits they are decoded. The agent's words: mediaSettingsSchema."""

    spool_path: str
    max_side: int
    max_pixels: int
    max_pdf_pages: int
    pdf_dpi: int
    image_cache_bytes: int
    feature_cache_bytes: int


@dataclass(frozen=True, slots=True)
class LoadFrame:
    """Load the model in this folder and keep it until the worker ends."""

    path: str
    context_length: int | None
    memory_limit_bytes: int | None
    max_batch_size: int
    task: Literal["generate", "vision", "embed"] = "generate"
    adapter_path: str | None = None
    wired_limit_bytes: int | None = None
    kv_bits: int | None = None
    prefix_cache: PrefixCacheSettings = PrefixCacheSettings()
    speculation: SpeculationSettings = SpeculationSettings()
    media: MediaSettings | None = None
    """For the task `vision`, which needs it."""


@dataclass(frozen=True, slots=True)
class JsonConstraint:
    """The completion is one JSON value: of this schema, or any object without one."""

    schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether tools are called: `name` is the one that has to be, with mode `named`."""

    mode: Literal["none", "auto", "required", "named"]
    name: str | None = None


NO_TOOLS = ToolChoice("none")


@dataclass(frozen=True, slots=True)
class GenerateFrame:
    """One completion. `logprobs` counts the alternatives to report beside each token; None reports nothing."""

    id: str
    prompt: Prompt
    max_tokens: int | None
    sampling: Sampling
    stop: list[str]
    logprobs: int | None = None
    constraint: JsonConstraint | None = None
    tool_choice: ToolChoice = NO_TOOLS
    parallel_tool_calls: bool = True
    cache_scope: str | None = None
    """Prefixes and decoded images are shared among requests of the same scope only; None is a scope too."""


@dataclass(frozen=True, slots=True)
class CancelFrame:
    """End a request within one step."""

    id: str


@dataclass(frozen=True, slots=True)
class PingFrame:
    """Answered by `pong` with the same nonce."""

    nonce: int


@dataclass(frozen=True, slots=True)
class ShrinkFrame:
    """Keep at most so many bytes in memory for further requests, and give unused buffers back.

    Decoded images go first, then their features, then prefixes: as they are quicker to make again.
    """

    kept_bytes: int


@dataclass(frozen=True, slots=True)
class TokenizeFrame:
    """Answered by `tokenized`. `add_special_tokens` is about texts: whether those around a prompt count too."""

    id: str
    prompt: Prompt
    add_special_tokens: bool = True
    cache_scope: str | None = None
    """Of its decoded images, as of those of completions."""


@dataclass(frozen=True, slots=True)
class DetokenizeFrame:
    """Answered by `detokenized`."""

    id: str
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class EmbedFrame:
    """Answered by `embedded`."""

    id: str
    inputs: list[str | list[int]]
    dimensions: int | None


RequestFrame = (
    LoadFrame | GenerateFrame | CancelFrame | PingFrame | ShrinkFrame | TokenizeFrame | DetokenizeFrame | EmbedFrame
)
