"""Quantized caches: a batch holds what the library's cache holds for each sequence alone."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx_lm.generate import BatchGenerator, generate_step
from mlx_lm.models import gpt_oss
from mlx_lm.models.cache import BatchKVCache, KVCache, QuantizedKVCache, RotatingKVCache

from caches_support import make_hybrid, make_llama, make_sliding, random_tokens
from mlxfleet_worker.caches.errors import UnsupportedCacheError
from mlxfleet_worker.caches.layout import Layout
from mlxfleet_worker.caches.quantized import (
    BatchQuantizedKVCache,
    Quantized,
    SequenceQuantizedKVCache,
    group_size_for,
    make_cache,
)

HEAD = 64


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("head_size", [64, 32])
def test_a_batch_completes_as_the_librarys_cache_of_one_sequence(bits: int, head_size: int) -> None:
    rng = np.random.default_rng(bits)
    model = make_llama(head_size)
    prompts = [random_tokens(rng, int(count)) for count in rng.integers(1, 400, 6)]
    expected = []
    for prompt in prompts:
        library = [QuantizedKVCache(group_size=head_size, bits=bits) for _ in model.layers]
        steps = generate_step(mx.array(prompt), model, max_tokens=16, prompt_cache=library)
        expected.append([int(token) for token, _ in steps])
    generator = BatchGenerator(model, max_tokens=16, prefill_batch_size=3, completion_batch_size=6)
    uids = generator.insert(prompts, caches=[make_cache(model, bits) for _ in prompts])
    completions: dict[int, list[int]] = {uid: [] for uid in uids}
    while any(len(done) < 16 for done in completions.values()):
        for response in generator.next()[1]:
            completions[response.uid].append(response.token)
    generator.close()
    assert list(completions.values()) == expected


def test_logits_of_a_batch_are_those_of_single_sequences() -> None:
    model = make_llama(HEAD)
    rng = np.random.default_rng(3)
    prompts = [random_tokens(rng, 20), random_tokens(rng, 33)]
    singles = []
    for prompt in prompts:
        library = [QuantizedKVCache(group_size=64, bits=8) for _ in model.layers]
        model(mx.array([prompt]), cache=library)
        singles.append((library, model(mx.array([[5]]), cache=library)))
    own = []
    for prompt in prompts:
        caches = make_cache(model, 8)
        model(mx.array([prompt]), cache=caches)
        own.append(caches)
    merged = [layers[0].merge(list(layers)) for layers in zip(*own, strict=True)]
    logits = model(mx.array([[5], [5]]), cache=merged)
    for row, (_, expected) in enumerate(singles):
        np.testing.assert_allclose(np.array(logits[row]), np.array(expected[0]), rtol=1e-3, atol=1e-3)


class Twins:
    """The quantized batch cache, and the library's one which is given what quantizing leaves of the same values."""

    def __init__(self, quantized: BatchQuantizedKVCache, plain: BatchKVCache) -> None:
        self.quantized = quantized
        self.plain = plain

    def both(self, act: Callable[[Any], Any]) -> None:
        act(self.quantized)
        act(self.plain)

    def update(self, rng: np.random.Generator, tokens: int) -> None:
        rows = self.plain.offset.shape[0]
        keys, values = (mx.array(rng.normal(size=(rows, 2, tokens, HEAD)).astype(np.float32)) for _ in range(2))
        self.quantized.update_and_fetch(keys, values)
        self.plain.update_and_fetch(rounded(keys, self.quantized.bits), rounded(values, self.quantized.bits))

    def check(self) -> None:
        quantized, plain = self.quantized, self.plain
        assert quantized.size() == plain.size()
        assert quantized.empty() == plain.empty()
        assert quantized.offset.tolist() == plain.offset.tolist()
        assert quantized.left_padding.tolist() == plain.left_padding.tolist()
        if plain.empty():
            return
        assert mx.array_equal(quantized.make_mask(2), plain.make_mask(2))
        for stored, expected in zip(quantized.keys_and_values(), plain.keys_and_values(), strict=True):
            restored = restore(stored, quantized.bits)
            for row, padding in enumerate(plain.left_padding.tolist()):
                assert mx.allclose(restored[row, :, padding:], expected[row, :, padding:], atol=1e-6).item()


def rounded(array: mx.array, bits: int) -> mx.array:
    return restore(mx.quantize(array, group_size=64, bits=bits), bits)


def restore(stored: Quantized, bits: int) -> mx.array:
    return mx.dequantize(*stored, group_size=64, bits=bits)


def make_twins(rng: np.random.Generator, bits: int) -> Twins:
    """Sequences of different lengths, some of them empty, put together."""
    singles, plains = [], []
    for _ in range(int(rng.integers(1, 4))):
        single, plain = SequenceQuantizedKVCache(bits), KVCache()
        if length := int(rng.choice([0, 1, 7, 255, 256, 257, 300])):
            keys, values = (mx.array(rng.normal(size=(1, 2, length, HEAD)).astype(np.float32)) for _ in range(2))
            single.update_and_fetch(keys, values)
            plain.update_and_fetch(rounded(keys, bits), rounded(values, bits))
        singles.append(single)
        plains.append(plain)
    return Twins(singles[0].merge(singles), plains[0].merge(plains))


@pytest.mark.parametrize("seed", range(25))
def test_every_operation_does_what_the_librarys_batch_cache_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = int(rng.choice([8, 4]))
    twins = make_twins(rng, bits)
    twins.check()
    for _ in range(12):
        rows = twins.plain.offset.shape[0]
        match rng.choice(["decode", "prefill", "padded", "filter", "extend", "extract", "trim"]):
            case "decode":
                twins.update(rng, 1)
            case "prefill":
                twins.update(rng, int(rng.integers(2, 300)))
            case "padded":
                lengths = rng.integers(1, 40, rows).tolist()
                padding = [max(lengths) - length for length in lengths]
                twins.both(
                    lambda cache, lengths=lengths, padding=padding: cache.prepare(
                        lengths=lengths, right_padding=padding
                    )
                )
                twins.update(rng, max(lengths))
                twins.both(lambda cache: cache.finalize())
            case "filter":
                keep = sorted(rng.choice(rows, int(rng.integers(1, rows + 1)), replace=False).tolist())
                twins.both(lambda cache, keep=keep: cache.filter(keep))
            case "extend":
                other = make_twins(rng, bits)
                twins.quantized.extend(other.quantized)
                twins.plain.extend(other.plain)
            case "extract" if twins.plain.size():
                row = int(rng.integers(rows))
                single, plain = twins.quantized.extract(row), twins.plain.extract(row)
                assert single.size() == plain.size()
                if not plain.size():
                    continue
                for stored, expected in zip(single.keys_and_values(), plain.keys_and_values(), strict=True):
                    assert mx.allclose(restore(stored, bits), expected, atol=1e-6).item()
            case "trim" if twins.plain.size() > 1:
                twins.both(lambda cache: cache.trim(1))
        twins.check()


def test_state_and_bytes() -> None:
    cache = SequenceQuantizedKVCache(4)
    assert cache.empty()
    assert cache.nbytes == 0
    assert BatchQuantizedKVCache([0], 4).nbytes == 0
    cache.update_and_fetch(mx.zeros((1, 2, 3, HEAD)), mx.zeros((1, 2, 3, HEAD)))
    again = SequenceQuantizedKVCache.from_state(cache.state)
    assert again.size() == cache.size() == 3
    plain = KVCache()
    plain.update_and_fetch(mx.zeros((1, 2, 3, HEAD)), mx.zeros((1, 2, 3, HEAD)))
    assert cache.nbytes < plain.nbytes / 6
    batch = SequenceQuantizedKVCache.merge([cache, cache])
    restored = BatchQuantizedKVCache.from_state(batch.state)
    assert restored.size() == 3


@pytest.mark.parametrize(("size", "expected"), [(64, 64), (128, 64), (96, 32), (32, 32), (160, 32), (192, 64)])
def test_the_group_size_divides_the_head(size: int, expected: int) -> None:
    assert group_size_for(size, size) == expected


@pytest.mark.parametrize("size", [80, 16, 48, 100])
def test_heads_that_fit_no_group_are_refused_when_the_model_is_loaded(size: int) -> None:
    model = make_llama(size)
    with pytest.raises(UnsupportedCacheError, match=f"multiple of 32; this model has {size}"):
        Layout.probe(model, lambda: make_cache(model, 8))


def test_attention_that_cannot_read_quantized_caches_is_refused_when_the_model_is_loaded() -> None:
    model = gpt_oss.Model(
        gpt_oss.ModelArgs(
            num_hidden_layers=2,
            num_local_experts=2,
            num_experts_per_tok=1,
            vocab_size=99,
            hidden_size=64,
            intermediate_size=64,
            head_dim=64,
            num_attention_heads=2,
            num_key_value_heads=1,
        )
    )
    with pytest.raises(UnsupportedCacheError, match=r"does not work with kv_bits: .*sinks.*Leave kv_bits out"):
        Layout.probe(model, lambda: make_cache(model, 8))
    assert Layout.probe(model, lambda: make_cache(model, None)).window == 128


@pytest.mark.parametrize("make", [make_sliding, make_hybrid])
def test_other_layers_keep_their_caches(make: Callable[[], nn.Module]) -> None:
    plain, quantized = make_cache(make(), None), make_cache(make(), 8)
    for before, after in zip(plain, quantized, strict=True):
        assert type(after) is (SequenceQuantizedKVCache if type(before) is KVCache else type(before))
    assert any(type(cache) in (RotatingKVCache, SequenceQuantizedKVCache) for cache in quantized)
