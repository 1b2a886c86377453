"""Small random models of more architectures, each with another mix of caches."""

from collections.abc import Callable

from mlx import nn
from mlx_lm.models import gemma2, gpt_oss, granitemoehybrid, lfm2, mamba, qwen3, recurrent_gemma

from caches_support import VOCABULARY, WINDOW, random_weights

HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96}


def make_qwen3() -> nn.Module:
    """Full attention with normed queries and keys."""
    arguments = qwen3.ModelArgs(
        model_type="qwen3",
        num_hidden_layers=2,
        rms_norm_eps=1e-5,
        max_position_embeddings=4096,
        head_dim=16,
        tie_word_embeddings=True,
        rope_theta=10000.0,
        **SIZES,
        **HEADS,
    )
    return random_weights(qwen3.Model(arguments))


def make_gpt_oss() -> nn.Module:
    """Sinks and experts; a sliding window in every second layer."""
    arguments = gpt_oss.ModelArgs(
        num_hidden_layers=2,
        num_local_experts=4,
        num_experts_per_tok=2,
        head_dim=16,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
        **SIZES,
        **HEADS,
    )
    return random_weights(gpt_oss.Model(arguments))


def make_granite_hybrid() -> nn.Module:
    """Mamba 2 states and full attention."""
    arguments = granitemoehybrid.ModelArgs(
        model_type="granitemoehybrid",
        num_hidden_layers=3,
        max_position_embeddings=4096,
        attention_bias=False,
        embedding_multiplier=1.0,
        attention_multiplier=0.25,
        logits_scaling=1.0,
        residual_multiplier=1.0,
        layer_types=["mamba", "attention", "mamba"],
        rms_norm_eps=1e-5,
        shared_intermediate_size=96,
        mamba_n_heads=8,
        mamba_d_head=16,
        mamba_proj_bias=False,
        mamba_d_state=16,
        mamba_d_conv=4,
        mamba_n_groups=1,
        mamba_conv_bias=True,
        **SIZES,
        **HEADS,
    )
    return random_weights(granitemoehybrid.Model(arguments))


def make_lfm2() -> nn.Module:
    """Short convolutions and full attention."""
    arguments = lfm2.ModelArgs(
        model_type="lfm2",
        num_hidden_layers=3,
        max_position_embeddings=4096,
        norm_eps=1e-5,
        conv_bias=False,
        conv_L_cache=3,
        block_dim=64,
        block_multiple_of=32,
        block_ffn_dim_multiplier=1.0,
        block_auto_adjust_ff_dim=False,
        layer_types=["conv", "full_attention", "conv"],
        **SIZES,
        **HEADS,
    )
    return random_weights(lfm2.Model(arguments))


def make_recurrent_gemma() -> nn.Module:
    """Linear recurrences, and a sliding window instead of full attention."""
    arguments = recurrent_gemma.ModelArgs(
        model_type="recurrent_gemma",
        attention_bias=False,
        conv1d_width=4,
        logits_soft_cap=30.0,
        num_hidden_layers=3,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        attention_window_size=WINDOW,
        block_types=["recurrent", "recurrent", "attention"],
        num_attention_heads=4,
        num_key_value_heads=1,
        **SIZES,
    )
    return random_weights(recurrent_gemma.Model(arguments))


def make_mamba() -> nn.Module:
    """States of the first Mamba."""
    arguments = mamba.ModelArgs(
        model_type="mamba",
        state_size=16,
        num_hidden_layers=2,
        conv_kernel=4,
        use_bias=False,
        use_conv_bias=True,
        time_step_rank=4,
        **SIZES,
    )
    return random_weights(mamba.Model(arguments))


def make_gemma2() -> nn.Module:
    """Its attention takes one sequence only, as mlx-lm 0.32.2 has it."""
    arguments = gemma2.ModelArgs(
        model_type="gemma2",
        num_hidden_layers=2,
        head_dim=16,
        rms_norm_eps=1e-5,
        query_pre_attn_scalar=16,
        **SIZES,
        **HEADS,
    )
    return random_weights(gemma2.Model(arguments))


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "qwen3": make_qwen3,
    "gemma2": make_gemma2,
    "gpt_oss": make_gpt_oss,
    "granitemoehybrid": make_granite_hybrid,
    "lfm2": make_lfm2,
    "recurrent_gemma": make_recurrent_gemma,
    "mamba": make_mamba,
}
