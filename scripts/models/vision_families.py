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
    template: str | None = None
    """Name of its chat template, where it is not the family's own."""

    processor: Json = field(default_factory=dict)
    """processor_config.json; none where it is empty."""

    named_tokens: Mapping[str, str] = field(default_factory=dict)
    """Tokens that the processor asks the tokenizer for by a name."""

    embedding: str = "language_model.model.embed_tokens.weight"
    """Name of the matrix of input embeddings; it makes the logits too where config.json ties them."""

    embedding_scale: float = 1.0
    """Factor of that matrix: smaller where the family enlarges input embeddings, or every token would repeat itself."""

    head: str | None = None
    """Name of the matrix that makes the logits, where it is another one."""

    constants: Mapping[str, float] = field(default_factory=dict)
    """Values of parameters by the last part of their names."""


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


# mlx-vlm 0.7.10 hands all options of a call on to the image processor, and that of transformers 5 refuses `padding`:
# its own generation from images needs an image processor that takes no options.
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


def qwen25_vl_config(ids: TokenIds) -> Json:
    """Two layers whose patches see their window of 56 pixels a side, then one that sees the whole image."""
    return {
        **qwen2_vl_config(ids),
        "model_type": "qwen2_5_vl",
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "vision_config": {
            "model_type": "qwen2_5_vl",
            "depth": 3,
            "hidden_size": 64,
            "intermediate_size": 128,
            "out_hidden_size": 64,
            "num_heads": 4,
            "patch_size": 14,
            "in_channels": 3,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": 56,
            "fullatt_block_indexes": [2],
        },
    }


QWEN25_VL = VisionFamily(
    special=QWEN_SPECIAL,
    visible=TOOL_TAGS,
    ends=("<|im_end|>", "<|endoftext|>"),
    pad="<|endoftext|>",
    template="qwen2-vl",
    config=qwen25_vl_config,
    vocabulary_places=(),
    preprocessor=qwen_preprocessor(14, processor_class="Qwen2_5_VLProcessor"),
)


def qwen3_tower(model_type: str, **changed: Any) -> Json:
    """The vision part that the third generation and the one after it share."""
    return {
        "model_type": model_type,
        "depth": 3,
        "hidden_size": 64,
        "intermediate_size": 128,
        "out_hidden_size": 64,
        "num_heads": 4,
        "patch_size": 16,
        "in_channels": 3,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [],
        **changed,
    }


def qwen3_vl_config(ids: TokenIds) -> Json:
    """Features of two layers of the vision part are added to the first two layers of the text part."""
    return {
        **qwen_places(ids),
        "model_type": "qwen3_vl",
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "tie_word_embeddings": True,
        "text_config": {
            **llama_text(model_type="qwen3_vl_text", num_hidden_layers=3, tie_word_embeddings=True, rope_theta=5e6),
            "head_dim": 16,
            "rope_scaling": {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True},
        },
        "vision_config": qwen3_tower("qwen3_vl", deepstack_visual_indexes=[0, 1]),
    }


QWEN3_VL = VisionFamily(
    special=QWEN_SPECIAL,
    visible=TOOL_TAGS,
    ends=("<|im_end|>", "<|endoftext|>"),
    pad="<|endoftext|>",
    config=qwen3_vl_config,
    preprocessor=qwen_preprocessor(16, processor_class="Qwen3VLProcessor", image_mean=HALF, image_std=HALF),
)


def qwen35_config(ids: TokenIds) -> Json:
    """Every second layer of the text part is one of full attention, the others are gated delta nets."""
    return {
        **qwen_places(ids),
        "model_type": "qwen3_5",
        "architectures": ["Qwen3_5ForConditionalGeneration"],
        "tie_word_embeddings": True,
        "text_config": {
            **llama_text(model_type="qwen3_5_text", num_hidden_layers=4, tie_word_embeddings=True),
            "head_dim": 32,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "full_attention_interval": 2,
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 32,
            "linear_value_head_dim": 32,
            "linear_conv_kernel_dim": 4,
            "rope_parameters": {
                "rope_type": "default",
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
                "rope_theta": 10000000,
                "partial_rotary_factor": 0.5,
            },
        },
        "vision_config": qwen3_tower("qwen3_5"),
    }


QWEN35 = VisionFamily(
    special=QWEN_SPECIAL,
    visible=(*TOOL_TAGS, "<think>", "</think>"),
    ends=("<|im_end|>", "<|endoftext|>"),
    pad="<|endoftext|>",
    config=qwen35_config,
    preprocessor=qwen_preprocessor(16, processor_class="Qwen3VLProcessor", image_mean=HALF, image_std=HALF),
    # A slow decay: states as they are made forget an image before the answer begins.
    constants={"A_log": -4.0},
)


def pixtral_tower() -> Json:
    """Images of any shape, with positions in two dimensions."""
    return {
        "model_type": "pixtral",
        "hidden_size": 64,
        "head_dim": 16,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "patch_size": 14,
        "image_size": 112,
        "rope_theta": 10000.0,
    }


PIXTRAL_SPECIAL = ("<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]")
MISTRAL_TOOLS = (
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
)


def pixtral_processing(processor_class: str, **processor: Any) -> Json:
    """The two files of its processor, as arguments of a family."""
    return {
        "preprocessor": {
            "image_processor_type": "PixtralImageProcessor",
            "processor_class": processor_class,
            "size": {"longest_edge": 112},
            "patch_size": {"height": 14, "width": 14},
            "image_mean": CLIP_MEAN,
            "image_std": CLIP_STD,
        },
        "processor": {"processor_class": processor_class, "patch_size": 14, **processor},
    }


def pixtral_config(ids: TokenIds) -> Json:
    """A token for each patch."""
    return {
        "model_type": "pixtral",
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": ids["[IMG]"],
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
        "text_config": {**llama_text(model_type="mistral"), "head_dim": 16},
        "vision_config": pixtral_tower(),
    }


PIXTRAL = VisionFamily(
    special=PIXTRAL_SPECIAL,
    ends=("</s>",),
    begin="<s>",
    pad="<pad>",
    config=pixtral_config,
    head="language_model.lm_head.weight",
    **pixtral_processing("PixtralProcessor", spatial_merge_size=1),
)


def mistral3_config(ids: TokenIds) -> Json:
    """A token for four patches."""
    return {
        "model_type": "mistral3",
        "architectures": ["Mistral3ForConditionalGeneration"],
        "image_token_index": ids["[IMG]"],
        "vision_feature_layer": -1,
        "spatial_merge_size": 2,
        "multimodal_projector_bias": False,
        "text_config": {**llama_text(model_type="mistral"), "head_dim": 16},
        "vision_config": pixtral_tower(),
    }


MISTRAL3 = VisionFamily(
    special=(*PIXTRAL_SPECIAL, *MISTRAL_TOOLS),
    ends=("</s>",),
    begin="<s>",
    pad="<pad>",
    config=mistral3_config,
    head="language_model.lm_head.weight",
    **pixtral_processing("PixtralProcessor", spatial_merge_size=2),
)


def internvl_config(ids: TokenIds) -> Json:
    """Tiles of 56 pixels a side, four tokens each, as many as four of them and one of the whole image."""
    return {
        "model_type": "internvl",
        "architectures": ["InternVLForConditionalGeneration"],
        "image_token_id": ids["<IMG_CONTEXT>"],
        "downsample_ratio": 0.5,
        "max_dynamic_patch": 4,
        "min_dynamic_patch": 1,
        "use_thumbnail": True,
        "text_config": {**llama_text(model_type="qwen3"), "head_dim": 16},
        "vision_config": {
            "model_type": "internvl_vision",
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "patch_size": [14, 14],
            "image_size": [56, 56],
            "layer_scale_init_value": 0.5,
        },
    }


INTERNVL = VisionFamily(
    special=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"),
    ends=("<|im_end|>", "<|endoftext|>"),
    pad="<|endoftext|>",
    config=internvl_config,
    preprocessor={
        "image_processor_type": "GotOcr2ImageProcessor",
        "processor_class": "InternVLProcessor",
        "size": {"height": 56, "width": 56},
        "crop_to_patches": True,
        "min_patches": 1,
        "max_patches": 4,
    },
    processor={"processor_class": "InternVLProcessor", "image_seq_length": 4},
    head="language_model.lm_head.weight",
)


def gemma4_config(ids: TokenIds) -> Json:
    """Windows of 32 tokens and layers that see all in turn; the last two layers share the caches of the first two."""
    return {
        "model_type": "gemma4",
        "architectures": ["Gemma4ForConditionalGeneration"],
        "image_token_id": ids["<|image|>"],
        "audio_token_id": ids["<|audio|>"],
        "video_token_id": ids["<|video|>"],
        "boi_token_id": ids["<|image>"],
        "eoi_token_id": ids["<image|>"],
        "boa_token_id": ids["<|audio>"],
        "eoa_token_id": ids["<audio|>"],
        "pad_token_id": ids["<pad>"],
        "hidden_size": 64,
        "vision_soft_tokens_per_image": 9,
        # mlx-vlm takes one that is left out for the audio part of the large models.
        "audio_config": None,
        "text_config": {
            "model_type": "gemma4_text",
            "hidden_size": 64,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 32,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "global_head_dim": 32,
            "hidden_size_per_layer_input": 16,
            "vocab_size_per_layer_input": len(ids),
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 8192,
            "rope_parameters": {
                "full_attention": {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        },
        "vision_config": {
            "model_type": "gemma4_vision",
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "head_dim": 16,
            "global_head_dim": 16,
            "patch_size": 16,
            "pooling_kernel_size": 3,
            "default_output_length": 9,
            "position_embedding_size": 64,
        },
    }


GEMMA4 = VisionFamily(
    special=(
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
        "<|image>",
        "<|image|>",
        "<image|>",
        "<|audio>",
        "<|audio|>",
        "<audio|>",
        "<|video|>",
    ),
    ends=("<turn|>", "<eos>"),
    begin="<bos>",
    pad="<pad>",
    config=gemma4_config,
    preprocessor={"processor_class": "Gemma4Processor"},
    processor={
        "processor_class": "Gemma4Processor",
        "image_seq_length": 9,
        "image_processor": {
            "image_processor_type": "Gemma4ImageProcessor",
            "patch_size": 16,
            "pooling_kernel_size": 3,
            "max_soft_tokens": 9,
        },
    },
    named_tokens={
        "boi_token": "<|image>",
        "image_token": "<|image|>",
        "eoi_token": "<image|>",
        "boa_token": "<|audio>",
        "audio_token": "<|audio|>",
        "eoa_token": "<audio|>",
        "video_token": "<|video|>",
    },
    embedding_scale=0.2,
)

FAMILIES = {
    "qwen2-vl": QWEN2_VL,
    "qwen2.5-vl": QWEN25_VL,
    "qwen3-vl": QWEN3_VL,
    "qwen3.5": QWEN35,
    "gemma3": GEMMA3,
    "gemma4": GEMMA4,
    "llava": LLAVA,
    "pixtral": PIXTRAL,
    "mistral3": MISTRAL3,
    "internvl": INTERNVL,
    "smolvlm": SMOLVLM,
}
