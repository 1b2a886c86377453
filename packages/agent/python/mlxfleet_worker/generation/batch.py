"""The running batch: every call to mlx-lm's BatchGenerator is here. For the engine thread only."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import mlx.core as mx
from mlx_lm.generate import GenerationBatch

from ..caches.batching import Batching, find_batching
from ..caches.prefix_cache import Kind, PrefixCache
from ..caches.quantized import make_cache
from ..model.image_prompt import SeeingModel
from ..model.text_model import TextModel
from ..serving.memory import active_bytes, release_buffers, set_wired_limit
from ..speculation.speculation import Speculation
from ..tokens.logprobs import TokenLogprobs
from .admission import LayerCost, MemoryBudget, Room
from .decoding import RowWishes, make_generator
from .encodings import Encoded, Encodings
from .layer_costs import layer_costs
from .pacing import PrefillPacer
from .prefill_cost import Pass
from .prefills import LEAST_SHARED, Prefills, cut
from .request import Request
from .request_prefixes import RequestPrefixes
from .sampling import SamplerPool, logits_processors

PREFILL_BATCH_SIZE = 8
STEPS_BETWEEN_EVALUATIONS = 50
"""Unevaluated parts of the caches' graphs would grow for ever (mlx-lm#1672)."""
MEASURED_TOKENS = (32, 128)
LONGEST_MEASUREMENT_SECONDS = 0.25
"""A machine that takes longer than that over so few tokens learns from its first prompts."""
WARM_TOKENS = 64
"""For the first pass that is longer than a token, which is not counted."""
TIMES_MEASURED = 1 if mx.cuda.is_available() else 3
"""The quickest counts. CUDA graphs are made for each shape, and few passes have the shape of an earlier one: there the
first time tells what passes cost."""
READING_SECONDS = 0.03
READING_SECONDS_ALONE = 0.25
"""For prefixes on disk between two steps; when nothing runs, only what arrives meanwhile has to wait for that."""
ENCODING_SECONDS_ALONE = 0.05
"""For images when nothing runs: until a cancel is noticed."""
SECONDS_TO_SAVE = 5.0
"""For prefixes that are not on disk when the worker is told to end: well within the agent's patience."""


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
        kv_bits: int | None = None,
        prefixes: PrefixCache | None = None,
        speculation: Speculation | None = None,
        seeing: SeeingModel | None = None,
    ) -> None:
        self._model = model
        self._memory_limit_bytes = memory_limit_bytes
        self._wired_limit_bytes = wired_limit_bytes
        self._kv_bits = kv_bits
        self._prefixes = RequestPrefixes(prefixes)
        self._encodings = Encodings(seeing, self._prefixes)
        self._speculation = speculation
        batching = find_batching(model.model, lambda: make_cache(model.model, kv_bits))
        self._max_size = 1 if batching is Batching.NOTHING else max_size
        self._prefill_size = min(PREFILL_BATCH_SIZE, max_size) if batching is Batching.EVERYTHING else 1
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
        return len(self._requests) < self._max_size and len(self._prefilling) < self._prefill_room

    @property
    def _prefill_room(self) -> int:
        """Prompts that may be in prefill in the next step, those included that leave with it."""
        return self._prefill_size + (self._prefilling.leaving if self._prefill_size > 1 else 0)

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
        self._generator.insert([[0, 0, 0]], max_tokens=[3], caches=[make_cache(self._model.model, self._kv_bits)])
        while not self._generator._generation_batch.uids:
            self._generator.next()
        layers = layer_costs(self._generator._generation_batch.prompt_cache)
        while not any(response.finish_reason for response in self._generator.next()[1]):
            pass
        self._measure_prefill()
        release_buffers()
        self._budget = MemoryBudget(self._memory_limit_bytes, active_bytes(), layers)

    def _measure_prefill(self) -> None:
        """Have the pacer know what prompts cost before the first one comes: small passes, and only quick ones."""
        self._seconds_of_pass(WARM_TOKENS)
        passes = []
        for tokens in MEASURED_TOKENS:
            seconds = self._seconds_of_pass(tokens)
            if seconds > LONGEST_MEASUREMENT_SECONDS:
                return
            again = [self._seconds_of_pass(tokens) for _ in range(TIMES_MEASURED - 1)]
            passes.append(Pass(tokens, min([seconds, *again])))
        self._pacer.calibrate(*passes)

    def _seconds_of_pass(self, tokens: int) -> float:
        caches = make_cache(self._model.model, self._kv_bits)
        begun = time.perf_counter()
        self._model.model(mx.zeros((1, tokens), dtype=mx.int32), cache=caches)
        mx.eval([cache.state for cache in caches])
        return time.perf_counter() - begun

    def room_for(self, request: Request) -> Room:
        """Whether there is memory for one more request; prefixes make way for it."""
        running, length = self._lengths(), self._budget.length(len(request.prompt), request.max_tokens)
        room = self._budget.room(running, length)
        if room is Room.FITS:
            self._prefixes.fit(self._budget.left([*running, length]))
        return room

    def is_prefilling_for(self, request: Request) -> bool:
        """Whether a prompt that is being computed begins like this one, so that waiting for its caches saves the work.

        That prompt stops where the two part, so that its caches can be kept there. The wait ends when it has come there
        or is gone, whatever the reason.
        """
        if not self._prefixes.waits_for_others:
            return False
        if self._prefilling.is_awaited_by(request):
            return True
        shared = self._prefilling.longest_shared(request)
        if shared is None or shared.length - self._prefixes.known_length(request) < LEAST_SHARED:
            return False
        uid, length = shared
        ahead = length - self._prefilling.computed(uid)
        if ahead > 0:
            cut(self._segments(uid), ahead)
            self._prefilling.wait(request, shared)
            return True
        if not self._prefixes.needs_checkpoints:
            self._keep_prefix(uid, "prompt")
        return False

    def read_until(self) -> float:
        """Until when prefixes may be read from the disk before the next step, by `time.perf_counter`."""
        return time.perf_counter() + (READING_SECONDS if self._requests else READING_SECONDS_ALONE)

    def is_reading_for(self, request: Request, until: float) -> bool:
        """Read on what the disk has of a prompt, a file at a time; whether there is more to read."""
        if request.reading is None:
            request.reading = self._prefixes.read(request, self._pacer.tokens_per_second)
        elif time.perf_counter() >= until:
            return True
        return any(time.perf_counter() >= until for _ in request.reading)

    def encode(self, requests: Sequence[Request]) -> Encoded:
        """Work on what the model makes of these prompts' images for a while."""
        seconds = self._pacer.pause(len(requests)) if self._requests else ENCODING_SECONDS_ALONE
        return self._encodings.go_on(requests, time.perf_counter() + seconds)

    def add(self, request: Request) -> int | None:
        """Begin a request; returns how many of its prompt's tokens need not be computed again.

        None where its images are to be encoded first. Raises RequestError for its own faults; whatever is raised, the
        batch stays whole.
        """
        sampling = request.frame.sampling
        processors = logits_processors(sampling, len(request.prompt), self._model.vocabulary_size)
        if request.constraint is not None or request.frame.logprobs is not None:
            processors.append(RowWishes(request.constraint, request.frame.logprobs))
        sampler = self._samplers.get(sampling)
        prompt = request.prompt
        hit = self._prefixes.fetch(request)
        caches, known = (hit.caches, hit.length) if hit else (make_cache(self._model.model, self._kv_bits), 0)
        if not self._encodings.show(request, caches, known):
            return None
        boundaries = self._prefixes.boundaries(request, known)
        places = [known, *(boundary.length for boundary in boundaries), len(prompt)]
        segments = [prompt[start:end] for start, end in pairwise(places)]
        (uid,) = self._generator.insert_segments(
            [segments],
            max_tokens=[request.max_tokens],
            caches=[caches],
            all_tokens=[prompt[:known]],
            samplers=[sampler],
            logits_processors=[processors],
        )
        self._requests[uid] = request
        self._prefilling.begin(uid, request, known, boundaries)
        return known

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
                self._prefixes.insert(tokens[-1].request, response.all_tokens, response.prompt_cache, "answer")
        self._steps += 1
        if self._steps % STEPS_BETWEEN_EVALUATIONS == 0:
            mx.eval([cache.state for cache in self._generator._generation_batch.prompt_cache])
        self._prefixes.save_some()
        return tokens

    def save_some(self) -> bool:
        """Bring prefixes to the disk while nothing runs; returns whether more wait."""
        return self._prefixes.save_some(idle=True)

    @property
    def is_held_up(self) -> bool:
        """Whether prefixes that wait for the disk have to wait for its writer first."""
        return self._prefixes.is_held_up

    def shrink(self, kept_bytes: int) -> None:
        """Keep at most so many bytes for further requests, and give memory that nothing uses back to the system.

        What images were made into goes before prefixes.
        """
        self._encodings.shrink(max(0, kept_bytes - self._prefixes.memory_bytes))
        self._prefixes.shrink(kept_bytes)
        release_buffers()

    def release_buffers(self) -> None:
        """Give memory that nothing uses back to the system."""
        release_buffers()

    def close(self) -> None:
        """Bring prefixes to the disk before the end."""
        self._prefixes.close(SECONDS_TO_SAVE)

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
        prompts = self._prefilling.to_compute
        self._generator.prefill_step_size = self._pacer.chunk(
            prompts=prompts, longest=self._prefilling.longest, decoding=len(self._requests) > prompts
        )
        self._generator.prefill_batch_size = self._prefill_room
        with self._generator.stats() as work:
            progress, responses = self._generator.next()
        computed = frozenset(prompt.uid for prompt in progress if not prompt.end_of_prompt)
        self._pacer.record(work.prompt_tokens, work.prompt_time, continues=computed == self._computed)
        self._computed = computed
        for prompt in progress:
            if prompt.end_of_prompt:
                self._end_prefill(prompt.uid)
            elif boundary := self._prefilling.advance(prompt.uid, prompt.progress[0]):
                self._keep_prefix(prompt.uid, boundary.kind)
        return responses

    def _keep_prefix(self, uid: int, kind: Kind) -> None:
        """Keep what the caches of a prompt hold now."""
        caches, tokens = self._generator.extract_cache([uid])[uid]
        self._prefixes.insert(self._requests[uid], tokens, caches, kind)

    def _segments(self, uid: int) -> list[list[int]]:
        """The library's list of what is left to compute of a prompt; prefill stops after each."""
        generator = self._generator
        for sequence in generator._unprocessed_sequences:
            if sequence[0] == uid:
                return sequence[1]
        return generator._currently_processing[generator._prompt_batch.uids.index(uid)][0]

    def _lengths(self) -> list[int]:
        return [self._budget.length(len(request.prompt), request.max_tokens) for request in self._requests.values()]

    def _forget(self, uid: int) -> None:
        self._end_prefill(uid)
        del self._requests[uid]

    def _end_prefill(self, uid: int) -> None:
        self._prefilling.end(uid)
        self._encodings.end(self._requests[uid])

    def _make_generator(self) -> None:
        self._requests: dict[int, Request] = {}
        self._prefilling = Prefills()
        self._computed: frozenset[int] = frozenset()
        """Whose prompts the latest pass was over."""
        self._generator = make_generator(
            self._model.model,
            self._speculation,
            stop_tokens=[[token] for token in self._model.end_tokens],
            completion_batch_size=self._max_size,
            prefill_batch_size=self._prefill_size,
        )
        set_wired_limit(self._model.model, self._wired_limit_bytes)
