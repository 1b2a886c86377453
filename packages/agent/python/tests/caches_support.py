"""Small models with every sort of cache, and serving with a prefix cache as the engine does it."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_map_with_path
from mlx_lm.generate import generate_step
from mlx_lm.models import falcon_h1, gear, gemma3_text, llama, mamba2, qwen3_next

from mlxfleet_worker.caches.layout import Layout
from mlxfleet_worker.caches.prefix_cache import Hit, PrefixCache
from mlxfleet_worker.caches.quantized import make_cache
from mlxfleet_worker.generation.decoding import make_generator

VOCABULARY = 199
WINDOW = 96


def make_llama(head_size: int = 16) -> nn.Module:
    return random_weights(
        llama.Model(
            llama.ModelArgs(
                model_type="llama",
                hidden_size=4 * head_size,
                num_hidden_layers=3,
                intermediate_size=96,
                num_attention_heads=4,
                num_key_value_heads=2,
                rms_norm_eps=1e-5,
                vocab_size=VOCABULARY,
            )
        )
    )


def make_sliding() -> nn.Module:
    """Full attention every third layer, a sliding window in the others."""
    return random_weights(
        gemma3_text.Model(
            gemma3_text.ModelArgs(
                model_type="gemma3_text",
                hidden_size=64,
                num_hidden_layers=4,
                intermediate_size=96,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=16,
                vocab_size=VOCABULARY,
                query_pre_attn_scalar=16,
                sliding_window=WINDOW,
                sliding_window_pattern=3,
            )
        )
    )


def make_hybrid() -> nn.Module:
    """Full attention every second layer, gated delta states in the others."""
    return random_weights(
        qwen3_next.Model(
            qwen3_next.ModelArgs(
                model_type="qwen3_next",
                hidden_size=64,
                num_hidden_layers=4,
                intermediate_size=96,
                num_attention_heads=4,
                linear_num_value_heads=4,
                linear_num_key_heads=2,
                linear_key_head_dim=16,
                linear_value_head_dim=16,
                linear_conv_kernel_dim=4,
                num_experts=0,
                num_experts_per_tok=0,
                decoder_sparse_step=1,
                shared_expert_intermediate_size=0,
                mlp_only_layers=[],
                moe_intermediate_size=0,
                rms_norm_eps=1e-5,
                vocab_size=VOCABULARY,
                num_key_value_heads=2,
                rope_theta=10000.0,
                partial_rotary_factor=0.5,
                max_position_embeddings=4096,
                head_dim=16,
                full_attention_interval=2,
            )
        )
    )


def make_recurrent() -> nn.Module:
    """States only."""
    return random_weights(
        mamba2.Model(
            mamba2.ModelArgs(
                model_type="mamba2",
                num_heads=8,
                head_dim=16,
                vocab_size=VOCABULARY,
                hidden_size=64,
                intermediate_size=128,
                state_size=16,
                num_hidden_layers=2,
                layer_norm_epsilon=1e-5,
                conv_kernel=4,
                n_groups=1,
                use_bias=False,
                use_conv_bias=True,
                tie_word_embeddings=True,
                time_step_limit=(0.0, float("inf")),
                time_step_rank="auto",
            )
        )
    )


def make_everything() -> nn.Module:
    """A state, a sliding window and full attention, each in layers of its own."""
    return random_weights(
        gear.Model(
            gear.ModelArgs(
                model_type="gear",
                vocab_size=VOCABULARY,
                hidden_size=64,
                intermediate_size=96,
                num_hidden_layers=4,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=16,
                rms_norm_eps=1e-5,
                layer_types=["conv_mixer", "sliding_attention", "full_attention", "sliding_attention"],
                sliding_window=WINDOW,
            )
        )
    )


def make_nested() -> nn.Module:
    """A state and full attention inside every layer's list of caches."""
    return random_weights(
        falcon_h1.Model(
            falcon_h1.ModelArgs(
                hidden_size=64,
                num_hidden_layers=2,
                intermediate_size=96,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=16,
                mamba_d_head=16,
                mamba_d_ssm=64,
                mamba_d_state=16,
                mamba_n_heads=4,
                vocab_size=VOCABULARY,
                rope_theta=10000.0,
            )
        )
    )


MODELS: dict[str, Callable[[], nn.Module]] = {
    "full": make_llama,
    "sliding": make_sliding,
    "hybrid": make_hybrid,
    "recurrent": make_recurrent,
    "everything": make_everything,
    "nested": make_nested,
}


def random_weights(model: nn.Module) -> nn.Module:
    """Weights in full precision, so large that every token counts, and states that forget slowly."""
    mx.random.seed(7)
    model.update(tree_map_with_path(_weight, model.parameters()))
    model.eval()
    mx.eval(model.parameters())
    return model


def _weight(path: str, weight: mx.array) -> mx.array:
    if path.endswith("A_log"):
        return mx.full(weight.shape, -5.0)
    weight = weight.astype(mx.float32)
    return weight if weight.ndim < 2 else mx.random.normal(weight.shape) * (2.0 / weight.shape[-1] ** 0.5)


def random_tokens(rng: np.random.Generator, count: int) -> list[int]:
    return rng.integers(3, VOCABULARY, count).tolist()


def from_scratch(model: nn.Module, prompt: list[int], count: int, kv_bits: int | None = None) -> list[int]:
    """The library's own greedy completion of one sequence."""
    steps = generate_step(mx.array(prompt), model, max_tokens=count, prompt_cache=make_cache(model, kv_bits))
    return [int(token) for token, _ in steps]


def make_prefix_cache(model: nn.Module, memory_bytes: int = 1 << 28, **options: Any) -> PrefixCache:
    kv_bits = options.pop("kv_bits", None)
    return PrefixCache(Layout.probe(model, lambda: make_cache(model, kv_bits)), memory_bytes, **options)


def read_and_fetch(cache: PrefixCache, prompt: list[int], prefill_tokens_per_second: float | None = None) -> Hit | None:
    """What the disk knows too, at once."""
    for _ in cache.read(prompt, prefill_tokens_per_second):
        pass
    return cache.fetch(prompt)


def serve(
    model: nn.Module,
    cache: PrefixCache,
    prompts: list[list[int]],
    count: int,
    *,
    kv_bits: int | None = None,
    hints: dict[str, int] | None = None,
    prefill_step_size: int = 2048,
) -> tuple[list[list[int]], list[int]]:
    """Complete prompts in one batch; returns their completions and how many of their tokens came from the cache."""
    generator = make_generator(
        model, max_tokens=count, prefill_batch_size=4, completion_batch_size=8, prefill_step_size=prefill_step_size
    )
    starts: dict[int, int] = {}
    marks: dict[int, dict[int, Any]] = {}
    for prompt in prompts:
        hit = read_and_fetch(cache, prompt)
        start = hit.length if hit else 0
        caches = hit.caches if hit else make_cache(model, kv_bits)
        boundaries = cache.boundaries(prompt, start, **(hints or {}))
        cuts = [start, *(boundary.length for boundary in boundaries), len(prompt)]
        segments = [prompt[a:b] for a, b in pairwise(cuts)]
        (uid,) = generator.insert_segments([segments], caches=[caches], all_tokens=[prompt[:start]])
        starts[uid] = start
        marks[uid] = {boundary.length: boundary.kind for boundary in boundaries}
    completions: dict[int, list[int]] = {uid: [] for uid in starts}
    while any(len(completion) < count for completion in completions.values()):
        prefilled, generated = generator.next()
        for response in prefilled:
            uid = response.uid
            length = starts[uid] + response.progress[0]
            if response.end_of_segment and not response.end_of_prompt and length in marks[uid]:
                caches, tokens = generator.extract_cache([uid])[uid]
                assert len(tokens) == length
                cache.insert(tokens, caches, marks[uid][length])
        for response in generated:
            completions[response.uid].append(response.token)
            if response.finish_reason:
                cache.insert(response.all_tokens, response.prompt_cache, "answer")
        cache.save_some()
    generator.close()
    return list(completions.values()), list(starts.values())
