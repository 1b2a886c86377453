"""Samplers and logits processors for BatchGenerator, from mlx-lm's own parts."""

from collections.abc import Callable

import mlx.core as mx
from mlx_lm.sample_utils import (
    LogitsProcessor,
    Sampler,
    apply_min_p,
    apply_top_k,
    apply_top_p,
    greedy_sampler,
    make_frequency_penalty,
    make_logits_processors,
    make_presence_penalty,
    make_repetition_penalty,
    make_sampler,
)

from ..wire.errors import RequestError
from ..wire.parameters import Sampling

WHOLE_CONTEXT = 1 << 30
"""Larger than any context: the library's penalties look at the last `context_size` tokens, 20 by default."""

MAX_SHARED_SAMPLERS = 256


class SamplerPool:
    """One sampler object for each distinct parameter set.

    BatchGenerator applies a sampler that the whole batch shares in one call, and different ones row by row. A request
    with a seed has a sampler of its own, whose key depends on nothing but the seed and the number of tokens drawn.
    """

    def __init__(self, vocabulary_size: int) -> None:
        self._vocabulary_size = vocabulary_size
        self._shared: dict[tuple[float, float, int, float], Sampler] = {}

    def get(self, sampling: Sampling) -> Sampler:
        """The sampler for these parameters."""
        if sampling.temperature == 0:
            return greedy_sampler
        # The library refuses, inside the step, a top_k that keeps every token.
        top_k = sampling.top_k if sampling.top_k < self._vocabulary_size else 0
        if sampling.seed is not None:
            return SeededSampler(sampling, top_k)
        key = (sampling.temperature, sampling.top_p, top_k, sampling.min_p)
        sampler = self._shared.get(key)
        if sampler is None:
            if len(self._shared) >= MAX_SHARED_SAMPLERS:
                self._shared.clear()
            sampler = make_sampler(sampling.temperature, top_p=sampling.top_p, min_p=sampling.min_p, top_k=top_k)
            self._shared[key] = sampler
        return sampler


class SeededSampler:
    """Draws from its own stream of random numbers."""

    def __init__(self, sampling: Sampling, top_k: int) -> None:
        self._key = mx.random.key((sampling.seed or 0) & 0xFFFF_FFFF_FFFF_FFFF)
        self._scale = 1.0 / sampling.temperature
        self._filters: list[Callable[[mx.array], mx.array]] = []
        # In make_sampler's order, so that a seed changes nothing but the draw.
        if sampling.top_p < 1:
            self._filters.append(lambda logprobs: apply_top_p(logprobs, sampling.top_p))
        if sampling.min_p > 0:
            self._filters.append(lambda logprobs: apply_min_p(logprobs, sampling.min_p))
        if top_k > 0:
            self._filters.append(lambda logprobs: apply_top_k(logprobs, top_k))

    def __call__(self, logprobs: mx.array) -> mx.array:
        """Draw one token for each row."""
        for keep in self._filters:
            logprobs = keep(logprobs)
        self._key, key = mx.random.split(self._key)
        return mx.random.categorical(logprobs * self._scale, key=key)


def logits_processors(sampling: Sampling, prompt_length: int, vocabulary_size: int) -> list[LogitsProcessor]:
    """The processors that these parameters need, in order: bias, repetition, presence, frequency.

    The repetition penalty looks at prompt and completion. The presence and frequency penalties count the completion's
    tokens only, all of them, as OpenAI's do. Raises RequestError for a bias on an unknown token.
    """
    processors: list[LogitsProcessor] = []
    if sampling.logit_bias:
        if (largest := max(sampling.logit_bias)) >= vocabulary_size:
            raise RequestError(f"logit_bias names token {largest}; the model has {vocabulary_size}.", "logit_bias")
        processors += make_logits_processors(logit_bias=sampling.logit_bias)
    if sampling.repetition_penalty != 1:
        processors.append(make_repetition_penalty(sampling.repetition_penalty, WHOLE_CONTEXT))
    if sampling.presence_penalty:
        processors.append(
            _completion_only(make_presence_penalty(sampling.presence_penalty, WHOLE_CONTEXT), prompt_length)
        )
    if sampling.frequency_penalty:
        processors.append(
            _completion_only(make_frequency_penalty(sampling.frequency_penalty, WHOLE_CONTEXT), prompt_length)
        )
    return processors


def replace_rows(logits: mx.array, rows: list[tuple[int, mx.array]]) -> mx.array:
    """The logits with these rows, in ascending order, in place of its own.

    What lies between them stays in one piece: cut row by row, a batch of 32 is 32 copies at each step.
    """
    pieces = []
    start = 0
    for row, replacement in rows:
        if row > start:
            pieces.append(logits[start:row])
        pieces.append(replacement)
        start = row + 1
    if start < logits.shape[0]:
        pieces.append(logits[start:])
    return mx.concatenate(pieces, axis=0) if len(pieces) > 1 else pieces[0]


def _completion_only(processor: LogitsProcessor, prompt_length: int) -> LogitsProcessor:
    return lambda tokens, logits: processor(tokens[prompt_length:], logits)
