"""The running batch: every call to mlx-lm's BatchGenerator is here. For the engine thread only."""

from typing import NamedTuple

import mlx.core as mx
from mlx_lm.generate import BatchGenerator, GenerationBatch

from .generation import LeanGenerationBatch
from .memory import release_buffers, set_wired_limit
from .pacing import PrefillPacer
from .request import Request
from .sampling import SamplerPool, logits_processors
from .text import TextModel

PREFILL_BATCH_SIZE = 8
STEPS_BETWEEN_EVALUATIONS = 50
"""Unevaluated parts of the caches' graphs would grow for ever (mlx-lm#1672)."""


class NewToken(NamedTuple):
    """One token of one request; `reason` is set when it is the last."""

    request: Request
    token: int
    reason: str | None


class Batch:
    """Requests that are prefilled or decoded together."""

    def __init__(self, model: TextModel, max_size: int) -> None:
        self._model = model
        self._max_size = max_size
        self._prefill_size = min(PREFILL_BATCH_SIZE, max_size)
        self._samplers = SamplerPool(model.vocabulary_size)
        self._pacer = PrefillPacer()
        self._steps = 0
        self._make_generator()

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def has_room(self) -> bool:
        """Whether the prefill of one more request can begin now."""
        return len(self._requests) < self._max_size and len(self._prefilling) < self._prefill_size

    @property
    def has_prefill(self) -> bool:
        """Whether the next step works on a prompt."""
        return bool(self._prefilling)

    def warm_up(self) -> None:
        """Run the model once: compiles kernels, brings the weights into memory, and fails here if it cannot run."""
        self._generator.insert([[0, 0, 0]], max_tokens=[2])
        while not any(response.finish_reason for response in self._generator.next()[1]):
            pass

    def add(self, request: Request) -> None:
        """Begin a request. Raises RequestError for its own faults; whatever is raised, the batch stays whole."""
        sampling = request.frame.sampling
        vocabulary_size = self._model.vocabulary_size
        (uid,) = self._generator.insert(
            [request.prompt],
            max_tokens=[request.max_tokens],
            samplers=[self._samplers.get(sampling)],
            logits_processors=[logits_processors(sampling, len(request.prompt), vocabulary_size)],
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

    def step(self) -> list[NewToken]:
        """One decoding step of all, and one chunk of prefill of those that are not decoding yet."""
        responses = self._step_with_prefill() if self._prefilling else self._generator.next()[1]
        tokens = []
        for response in responses:
            uid = response.uid
            tokens.append(NewToken(self._requests[uid], response.token, response.finish_reason))
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

    def _step_with_prefill(self) -> list[GenerationBatch.Response]:
        prefilling = len(self._prefilling)
        decoding = len(self._requests) > prefilling
        self._generator.prefill_step_size = self._pacer.chunk(prompts=prefilling, decoding=decoding)
        with self._generator.stats() as work:
            progress, responses = self._generator.next()
        self._pacer.record(work.prompt_tokens, work.prompt_time)
        self._prefilling.difference_update(prompt.uid for prompt in progress if prompt.end_of_prompt)
        return responses

    def _forget(self, uid: int) -> None:
        del self._requests[uid]
        self._prefilling.discard(uid)

    def _make_generator(self) -> None:
        self._requests: dict[int, Request] = {}
        self._prefilling: set[int] = set()
        self._generator = BatchGenerator(
            self._model.model,
            stop_tokens=[[token] for token in self._model.end_tokens],
            completion_batch_size=self._max_size,
            prefill_batch_size=self._prefill_size,
        )
        self._generator._generation_batch = LeanGenerationBatch.empty(self._model.model, self._generator.sampler)
        set_wired_limit(self._model.model)
