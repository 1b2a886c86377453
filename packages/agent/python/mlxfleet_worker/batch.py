"""The running batch: every call to mlx-lm's BatchGenerator is here. For the engine thread only."""

import time
from typing import NamedTuple

import mlx.core as mx
from mlx_lm.generate import BatchGenerator, GenerationBatch

from .admission import LayerCost, MemoryBudget, Room
from .generation import LeanGenerationBatch, LeanPromptBatch, RowWishes
from .logprobs import TokenLogprobs
from .memory import active_bytes, layer_costs, release_buffers, set_wired_limit
from .pacing import PrefillPacer
from .request import Request
from .sampling import SamplerPool, logits_processors
from .speculation import Speculation
from .text import TextModel

PREFILL_BATCH_SIZE = 8
STEPS_BETWEEN_EVALUATIONS = 50
"""Unevaluated parts of the caches' graphs would grow for ever (mlx-lm#1672)."""


class NewToken(NamedTuple):
    """One token of one request; `reason` is set when it is the last."""

    request: Request
    token: int
    logprobs: TokenLogprobs | None
    reason: str | None


class Batch:
    """Requests that are prefilled or decoded together."""

    def __init__(
        self,
        model: TextModel,
        max_size: int,
        *,
        memory_limit_bytes: int | None = None,
        wired_limit_bytes: int | None = None,
        speculation: Speculation | None = None,
    ) -> None:
        self._model = model
        self._max_size = max_size
        self._memory_limit_bytes = memory_limit_bytes
        self._wired_limit_bytes = wired_limit_bytes
        self._speculation = speculation
        self._prefill_size = min(PREFILL_BATCH_SIZE, max_size)
        self._samplers = SamplerPool(model.vocabulary_size)
        self._pacer = PrefillPacer()
        self._steps = 0
        self._budget = MemoryBudget(None, 0, [LayerCost(0)])
        self._make_generator()

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def budget(self) -> MemoryBudget:
        """What fits; known after `warm_up`."""
        return self._budget

    @property
    def has_room(self) -> bool:
        """Whether the prefill of one more request can begin now, memory apart."""
        return len(self._requests) < self._max_size and len(self._prefilling) < self._prefill_size

    @property
    def has_prefill(self) -> bool:
        """Whether the next step works on a prompt."""
        return bool(self._prefilling)

    @property
    def is_over_limit(self) -> bool:
        """Whether MLX holds more than it may."""
        return self._memory_limit_bytes is not None and active_bytes() > self._memory_limit_bytes

    def warm_up(self) -> None:
        """Run the model once: compiles kernels, brings the weights into memory, and fails here if it cannot run."""
        self._generator.insert([[0, 0, 0]], max_tokens=[3])
        while not self._generator._generation_batch.uids:
            self._generator.next()
        layers = layer_costs(self._generator._generation_batch.prompt_cache)
        while not any(response.finish_reason for response in self._generator.next()[1]):
            pass
        release_buffers()
        self._budget = MemoryBudget(self._memory_limit_bytes, active_bytes(), layers)

    def room_for(self, request: Request) -> Room:
        """Whether there is memory for one more request."""
        return self._budget.room(self._lengths(), self._budget.length(len(request.prompt), request.max_tokens))

    def add(self, request: Request) -> None:
        """Begin a request. Raises RequestError for its own faults; whatever is raised, the batch stays whole."""
        sampling = request.frame.sampling
        processors = logits_processors(sampling, len(request.prompt), self._model.vocabulary_size)
        if request.constraint is not None or request.frame.logprobs is not None:
            processors.append(RowWishes(request.constraint, request.frame.logprobs))
        (uid,) = self._generator.insert(
            [request.prompt],
            max_tokens=[request.max_tokens],
            samplers=[self._samplers.get(sampling)],
            logits_processors=[processors],
        )
        self._requests[uid] = request
        self._prefilling.add(uid)

    def remove(self, request: Request) -> bool:
        """End a request and free its memory; false when it is not in the batch."""
        for uid, other in self._requests.items():
            if other is request:
                self._generator.remove([uid])
                self._forget(uid)
                return True
        return False

    def youngest(self) -> Request | None:
        """The request that came last."""
        return self._requests[max(self._requests)] if self._requests else None

    def step(self) -> list[NewToken]:
        """One decoding step of all, and one chunk of prefill of those that are not decoding yet."""
        responses = self._step_with_prefill() if self._prefilling else self._plain_step()
        tokens = []
        for response in responses:
            uid = response.uid
            tokens.append(NewToken(self._requests[uid], response.token, response.logprobs, response.finish_reason))
            if response.finish_reason is not None:
                self._forget(uid)
        self._steps += 1
        if self._steps % STEPS_BETWEEN_EVALUATIONS == 0:
            mx.eval([cache.state for cache in self._generator._generation_batch.prompt_cache])
        return tokens

    def release_buffers(self) -> None:
        """Give memory that nothing uses back to the system."""
        release_buffers()

    def reset(self) -> list[Request]:
        """Drop everything after a failed step; returns the requests that were in the batch."""
        requests = list(self._requests.values())
        # Before the next one is made: closing later would undo that one's wired limit.
        self._generator.close()
        self._make_generator()
        return requests

    def _plain_step(self) -> list[GenerationBatch.Response]:
        begun = time.perf_counter()
        responses = self._generator.next()[1]
        self._pacer.record_step(time.perf_counter() - begun)
        return responses

    def _step_with_prefill(self) -> list[GenerationBatch.Response]:
        prefilling = len(self._prefilling)
        decoding = len(self._requests) > prefilling
        self._generator.prefill_step_size = self._pacer.chunk(prompts=prefilling, decoding=decoding)
        with self._generator.stats() as work:
            progress, responses = self._generator.next()
        self._pacer.record(work.prompt_tokens, work.prompt_time)
        self._prefilling.difference_update(prompt.uid for prompt in progress if prompt.end_of_prompt)
        return responses

    def _lengths(self) -> list[int]:
        return [self._budget.length(len(request.prompt), request.max_tokens) for request in self._requests.values()]

    def _forget(self, uid: int) -> None:
        del self._requests[uid]
        self._prefilling.discard(uid)

    def _make_generator(self) -> None:
        self._requests: dict[int, Request] = {}
        self._prefilling: set[int] = set()
        generator = BatchGenerator(
            self._model.model,
            stop_tokens=[[token] for token in self._model.end_tokens],
            completion_batch_size=self._max_size,
            prefill_batch_size=self._prefill_size,
        )
        generator._generation_batch = LeanGenerationBatch.empty(self._model.model, generator.sampler)
        generator._generation_batch.speculation = self._speculation
        generator._prompt_batch = LeanPromptBatch.empty(self._model.model, generator.sampler)
        self._generator = generator
        set_wired_limit(self._model.model, self._wired_limit_bytes)
