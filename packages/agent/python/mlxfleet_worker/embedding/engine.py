"""The engine thread of an embedding worker: loads the model, then turns inputs into vectors for ever."""

import queue
import time
from collections import deque
from typing import TYPE_CHECKING

from ..log import log, log_exception
from ..serving.limits import MAX_FAILED_STEPS, SECONDS_BEFORE_RELEASE, EngineBrokenError
from ..serving.registry import Registry
from ..wire.errors import FailureKind, ModelSettingsError, RequestError
from ..wire.frames import LoadFrame, ShrinkFrame
from ..wire.replies import ReplyChannel
from .passes import PassBudget, Passes, Work
from .request import EmbeddingRequest
from .vectors import encode_vector

if TYPE_CHECKING:
    import numpy

    from .model import EmbeddingModel


class EmbeddingEngine:
    """Owns the model. Other threads only call `submit` and the counters."""

    def __init__(self, replies: ReplyChannel, registry: Registry) -> None:
        self._replies = replies
        self._registry = registry
        self._inbox: queue.SimpleQueue[EmbeddingRequest | ShrinkFrame] = queue.SimpleQueue()
        self._passes = Passes()
        self._halves: deque[list[Work]] = deque()
        """Of passes that failed: whose fault it was is found by trying them apart."""
        self._budget = PassBudget()
        self._requests: set[EmbeddingRequest] = set()
        self._model: EmbeddingModel
        self._failed_passes = 0
        self.running = 0
        self.steps = 0
        """Passes finished so far: it stands still when the engine does."""

    def submit(self, message: EmbeddingRequest | ShrinkFrame) -> None:
        """Hand over a prepared request, one that has just been cancelled, or the wish for memory."""
        self._inbox.put(message)

    def load(self, frame: LoadFrame) -> "EmbeddingModel":
        """Load the model and announce it. Raises whatever went wrong."""
        from ..serving.memory import memory_counters, release_buffers, set_memory_limits, set_wired_limit
        from .model import EmbeddingModel

        if frame.adapter_path is not None:
            raise ModelSettingsError("Embedding models take no adapters.")
        begun = time.perf_counter()
        set_memory_limits(frame.memory_limit_bytes)
        model = EmbeddingModel(frame.path, frame.context_length)
        set_wired_limit(model.model, frame.wired_limit_bytes)
        release_buffers()
        self.use(model)
        seconds = time.perf_counter() - begun
        log(f"loaded in {seconds:.1f} s, {model.dimensions} dimensions, inputs of {model.context_length} tokens")
        self._replies.send(
            {
                "type": "loaded",
                "context_length": model.context_length,
                "memory_bytes": memory_counters()["active_memory_bytes"],
                "load_seconds": round(seconds, 3),
                "has_chat_template": False,
                "embedding_dimensions": model.dimensions,
            }
        )
        return model

    def counters(self) -> dict[str, int]:
        """What a pong says beside memory and requests: nothing is cached or guessed here."""
        return {}

    def use(self, model: "EmbeddingModel") -> None:
        """Serve with this model."""
        self._model = model

    def stop(self, _seconds: float) -> None:
        """Nothing is worth saving here."""

    def run(self) -> None:
        """Serve until the process ends. Raises EngineBrokenError after repeated failures."""
        while True:
            self._take_messages()
            if self._requests:
                self._pass()

    def _take_messages(self) -> None:
        """Take what has arrived; wait for something when there is nothing to do."""
        if not self._requests:
            try:
                self._take(self._inbox.get(timeout=SECONDS_BEFORE_RELEASE))
            except queue.Empty:
                self._release_buffers()
                self._take(self._inbox.get())
        while not self._inbox.empty():
            self._take(self._inbox.get())

    def _take(self, message: EmbeddingRequest | ShrinkFrame) -> None:
        if isinstance(message, ShrinkFrame):
            self._release_buffers()
        elif message.cancelled:
            self._forget(message)
        else:
            self._requests.add(message)
            self._passes.add(message.work())
            self.running = len(self._requests)

    def _pass(self) -> None:
        work = self._halves.popleft() if self._halves else self._passes.next(self._budget.tokens)
        work = [each for each in work if each.owner in self._requests]
        if not work:
            return
        begun = time.perf_counter()
        try:
            vectors = self._model.embed([each.owner.rows[each.index] for each in work])
        except Exception as error:
            log_exception(f"a pass of {len(work)} inputs failed")
            self._split(work, error)
            return
        self._failed_passes = 0
        self.steps += 1
        self._budget.record(len(work) * max(each.length for each in work), time.perf_counter() - begun)
        for each, vector in zip(work, vectors, strict=True):
            if each.owner in self._requests:
                self._deliver(each, vector)

    def _deliver(self, work: Work, vector: "numpy.ndarray") -> None:
        request = work.owner
        try:
            is_done = request.take(work.index, encode_vector(vector, request.frame.dimensions))
        except ValueError as error:
            name, param = request.name(work.index)
            self._fail(request, RequestError(f"Of {name}, {error}.", param, "internal"))
            return
        if is_done:
            self._forget(request)
            if self._registry.remove(request):
                self._replies.send(request.reply())

    def _split(self, work: list[Work], error: Exception) -> None:
        """Try the halves of a failed pass; fail the request of a single input."""
        if len(work) > 1:
            middle = len(work) // 2
            self._halves.extend((work[:middle], work[middle:]))
            self._release_buffers()
            return
        kind = _kind(error)
        name, param = work[0].owner.name(work[0].index)
        self._fail(work[0].owner, RequestError(f"No vector of {name} could be computed: {error}", param, kind))
        self._release_buffers()
        self._failed_passes += kind == "internal"
        if self._failed_passes >= MAX_FAILED_STEPS:
            raise EngineBrokenError(f"{self._failed_passes} inputs in a row failed") from error

    def _fail(self, request: EmbeddingRequest, error: RequestError) -> None:
        self._forget(request)
        if self._registry.remove(request):
            self._replies.send_failed(request.id, error)

    def _forget(self, request: EmbeddingRequest) -> None:
        self._requests.discard(request)
        self._passes.remove(request)
        self.running = len(self._requests)

    def _release_buffers(self) -> None:
        from ..serving.memory import release_buffers

        release_buffers()


def _kind(error: Exception) -> FailureKind:
    """Whether an input was too large for what is left, by the words of MLX's allocators."""
    is_memory = isinstance(error, MemoryError) or "alloc" in str(error).lower()
    return "memory" if is_memory else "internal"
