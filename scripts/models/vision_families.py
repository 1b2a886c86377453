"""The families of tiny vision models: what their tokenizers know, their configurations and their processors' files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
TokenIds = Mapping[str, int]


@dataclass(frozen=True)
class VisionFamily:
    """What becomes a model folder. The first of `ends` is the end-of-sequence token of the tokenizer."""

    special: tuple[str, ...]
    ends: tuple[str, ...]
    pad: str
    config: Callable[[TokenIds], Json]
    """config.json, without the size of the vocabulary at the places of `vocabulary_places` and without the ends."""

    preprocessor: Json
    """preprocessor_config.json."""

    vocabulary_places: tuple[str, ...] = ("text_config",)
    """Where config.json tells the size of the vocabulary, besides its root."""

    visible: tuple[str, ...] = ()
    """Tokens of their own that count as ordinary text."""

    begin: str | None = None
    processor: Json = field(default_factory=dict)
    """processor_config.json; none where it is empty."""

    named_tokens: Mapping[str, str] = field(default_factory=dict)
    """Tokens that the processor asks the tokenizer for by a name."""

    seed: int = 1
    """One with which short answers to all kinds of prompts do not end by themselves."""

    embedding: str = "language_model.model.embed_tokens.weight"
    """Name of the matrix of input embeddings; it makes the logits too where config.json ties them."""

    embedding_scale: float = 1.0
    """Factor of that matrix: smaller where the family enlarges input embeddings, or every token would repeat itself."""

    head: str | None = None
    """Name of the matrix that makes the logits, where it is another one."""


TOOL_TAGS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
HALF = [0.5, 0.5, 0.5]


def llama_text(**changed: Any) -> Json:
    """A text part of two layers, 64 wide, in the shape that most families share."""
    return {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
        **changed,
    }


def qwen_places(ids: TokenIds) -> Json:
    """Fields of config.json by which the Qwen families find images in a prompt."""
    return {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }


def qwen2_vl_config(ids: TokenIds) -> Json:
    """The text part stands at the root in this family."""
    return {
        **llama_text(tie_word_embeddings=True, rope_theta=1e6),
        **qwen_places(ids),
        "model_type": "qwen2_vl",
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        "vision_config": {
            "model_type": "qwen2_vl",
            "depth": 2,
            "embed_dim": 64,
            "hidden_size": 64,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": 14,
            "in_channels": 3,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
    }


def qwen_preprocessor(patch_size: int, **changed: Any) -> Json:
    """Images of 56 to 112 pixels a side: 4 to 16 tokens."""
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "min_pixels": (4 * patch_size) ** 2,
        "max_pixels": (8 * patch_size) ** 2,
        "patch_size": patch_size,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_STD,
        **changed,
    }


QWEN2_VL = VisionFamily(
    special=QWEN_SPECIAL,
    visible=TOOL_TAGS,
    ends=("<|im_end|>", "<|endoftext|>"),
    pad="<|endoftext|>",
    config=qwen2_vl_config,
    vocabulary_places=(),
    preprocessor=qwen_preprocessor(14, processor_class="Qwen2VLProcessor"),
)


def gemma3_config(ids: TokenIds) -> Json:
    """Two layers that see a window of 32 tokens, then one that sees all."""
    return {
        "model_type": "gemma3",
        "architectures": ["Gemma3ForConditionalGeneration"],
        "hidden_size": 64,
        "boi_token_index": ids["<start_of_image>"],
        "eoi_token_index": ids["<end_of_image>"],
        "image_token_index": ids["<image_soft_token>"],
        "pad_token_id": ids["<pad>"],
        "mm_tokens_per_image": 16,
        "text_config": {
            "model_type": "gemma3_text",
            "hidden_size": 64,
            "num_hidden_layers": 3,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "query_pre_attn_scalar": 16,
            "rms_norm_eps": 1e-6,
            "sliding_window": 32,
            "sliding_window_pattern": 3,
            "mm_tokens_per_image": 16,
            "max_position_embeddings": 8192,
        },
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "patch_size": 14,
            "image_size": 112,
        },
    }


GEMMA3 = VisionFamily(
    special=(
        "<pad>",
        "<eos>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
    ),
    ends=("<end_of_turn>", "<eos>"),
    begin="<bos>",
    pad="<pad>",
    config=gemma3_config,
    preprocessor={
        "image_processor_type": "Gemma3ImageProcessor",
        "processor_class": "Gemma3Processor",
        "size": {"height": 112, "width": 112},
        "image_seq_length": 16,
        "image_mean": HALF,
        "image_std": HALF,
        "do_pan_and_scan": False,
    },
    processor={"processor_class": "Gemma3Processor", "image_seq_length": 16},
    named_tokens={
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    },
    embedding_scale=0.2,
)


def llava_config(ids: TokenIds) -> Json:
    """Features of the layer before the last, without that of the class token."""
    return {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": ids["<image>"],
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "text_config": llama_text(),
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": 64,
            "num_hidden_layers": 3,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "projection_dim": 64,
            "patch_size": 14,
            "image_size": 56,
        },
    }


LLAVA = VisionFamily(
    special=("<unk>", "<s>", "</s>", "<pad>", "<image>"),
    ends=("</s>",),
    begin="<s>",
    pad="<pad>",
    config=llava_config,
    preprocessor={
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "LlavaProcessor",
        "size": {"shortest_edge": 56},
        "crop_size": {"height": 56, "width": 56},
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_STD,
    },
    processor={
        "processor_class": "LlavaProcessor",
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
        "image_token": "<image>",
    },
    named_tokens={"image_token": "<image>"},
    head="language_model.lm_head.weight",
)

TILES = 2
"""A large image of smolvlm is cut into as many rows and columns."""


def smolvlm_config(ids: TokenIds) -> Json:
    """Four tokens for each tile of 56 pixels a side."""
    return {
        "model_type": "smolvlm",
        "architectures": ["SmolVLMForConditionalGeneration"],
        "image_token_id": ids["<image>"],
        "scale_factor": 2,
        "text_config": llama_text(),
        "vision_config": {
            "model_type": "smolvlm_vision",
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "patch_size": 14,
            "image_size": 56,
        },
    }


SMOLVLM = VisionFamily(
    special=(
        "<|endoftext|>",
        "<|im_start|>",
        "<end_of_utterance>",
        "<fake_token_around_image>",
        "<global-img>",
        "<image>",
        *(f"<row_{row + 1}_col_{column + 1}>" for row in range(TILES) for column in range(TILES)),
    ),
    ends=("<end_of_utterance>",),
    begin="<|im_start|>",
    pad="<|im_start|>",
    config=smolvlm_config,
    preprocessor={
        "image_processor_type": "SmolVLMImageProcessor",
        "processor_class": "SmolVLMProcessor",
        "size": {"longest_edge": 56 * TILES},
        "max_image_size": {"longest_edge": 56},
        "do_image_splitting": True,
        "image_mean": HALF,
        "image_std": HALF,
    },
    processor={"processor_class": "SmolVLMProcessor", "image_seq_len": 4},
    named_tokens={
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    },
    embedding="language_model.embed_tokens.weight",
    head="language_model.lm_head.weight",
)

FAMILIES = {"qwen2-vl": QWEN2_VL, "gemma3": GEMMA3, "llava": LLAVA, "smolvlm": SMOLVLM}
