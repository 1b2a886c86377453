"""The engine thread: loads the model, then decodes for ever. All MLX work happens here."""

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ..log import log, log_exception
from ..serving.limits import MAX_FAILED_STEPS, SECONDS_BEFORE_RELEASE, EngineBrokenError
from ..serving.registry import Registry
from ..wire.errors import RequestError
from ..wire.frames import LoadFrame, ShrinkFrame
from ..wire.replies import ReplyChannel
from .admission import Room
from .outbox import Outbox
from .request import Request

if TYPE_CHECKING:
    from ..caches.prefix_cache import PrefixCache
    from ..model.image_prompt import SeeingModel
    from ..model.text_model import TextModel
    from ..speculation.speculation import Speculation
    from .batch import Batch, NewToken


SECONDS_FOR_WRITER = 0.05
"""How long an idle engine lets the disk catch up before it looks again: less than what is queued for it takes."""


class Engine:
    """Owns the model and the batch. Other threads only call `submit`, `stop` and the counters."""

    def __init__(self, replies: ReplyChannel, registry: Registry) -> None:
        self._replies = replies
        self._registry = registry
        self._outbox = Outbox(replies)
        self._inbox: queue.SimpleQueue[Request | ShrinkFrame] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._batch: Batch
        self._model: TextModel
        self._failed_steps = 0
        self._speculation: Speculation | None = None
        self._prefixes: PrefixCache | None = None
        self._saves_prefixes = False
        self._seeing: SeeingModel | None = None
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self.running = 0
        self.steps = 0
        """Pieces of work finished so far: it stands still when the engine does."""

    def submit(self, message: Request | ShrinkFrame) -> None:
        """Hand over a prepared request, one that has just been cancelled, or the wish for memory."""
        self._inbox.put(message)

    def load(self, frame: LoadFrame) -> "TextModel":
        """Load the model and announce it. Raises whatever went wrong."""
        from ..model.text_model import TextModel
        from ..serving.memory import memory_counters, set_memory_limits
        from ..speculation.speculation import make_speculation
        from .batch import Batch
        from .prefixes import open_prefix_cache

        begun = time.perf_counter()
        set_memory_limits(frame.memory_limit_bytes)
        model: TextModel
        if frame.task == "vision":
            # mlx-vlm is in the vision environment only.
            from ..vision.vision_model import VisionModel

            model = self._seeing = VisionModel.load_frame(frame)
        else:
            model = TextModel.load(frame.path, frame.context_length, frame.adapter_path)
        self._speculation = make_speculation(frame.speculation, model)
        self._prefixes = open_prefix_cache(frame, model)
        self._saves_prefixes = frame.prefix_cache.disk_path is not None
        batch = Batch(
            model,
            frame.max_batch_size,
            memory_limit_bytes=frame.memory_limit_bytes,
            wired_limit_bytes=frame.wired_limit_bytes,
            kv_bits=frame.kv_bits,
            prefixes=self._prefixes,
            speculation=self._speculation,
            seeing=self._seeing,
        )
        batch.warm_up()
        self.use(model, batch)
        seconds = time.perf_counter() - begun
        log(f"loaded in {seconds:.1f} s, context {model.context_length} tokens")
        self._replies.send(
            {
                "type": "loaded",
                "context_length": model.context_length,
                "memory_bytes": memory_counters()["active_memory_bytes"],
                "load_seconds": round(seconds, 3),
                "has_chat_template": model.has_chat_template,
                "has_tool_calling": model.chat.has_tool_calling,
                "has_reasoning": model.chat.has_reasoning,
                "kv_bytes_per_token": batch.budget.bytes_per_token,
            }
        )
        return model

    def counters(self) -> dict[str, int]:
        """What a pong says beside memory and requests. Safe from any thread."""
        speculation = self._speculation
        return {
            "drafted_tokens": speculation.drafted if speculation else 0,
            "accepted_tokens": speculation.accepted if speculation else 0,
            "prefix_cache_bytes": self._prefixes.memory_bytes if self._prefixes else 0,
            "prefix_disk_bytes": self._prefixes.disk_bytes if self._prefixes else 0,
            "feature_cache_bytes": self._seeing.feature_bytes if self._seeing else 0,
        }

    @property
    def kept_bytes(self) -> int:
        """Bytes kept in MLX's memory for further requests. Safe from any thread."""
        counters = self.counters()
        return counters["prefix_cache_bytes"] + counters["feature_cache_bytes"]

    def use(self, model: "TextModel", batch: "Batch") -> None:
        """Serve with this model and batch."""
        self._model = model
        self._batch = batch

    def stop(self, seconds: float) -> None:
        """Let it finish its step and bring prefixes to the disk, for at most so many seconds. For another thread."""
        if self._prefixes is None or not self._saves_prefixes:
            return
        self._stopping.set()
        self._inbox.put(ShrinkFrame(self._prefixes.memory_bytes))
        self._stopped.wait(seconds)

    def run(self) -> None:
        """Serve until told to stop. Raises EngineBrokenError after repeated failures."""
        while not self._stopping.is_set():
            self._take_messages()
            self._admit()
            if len(self._batch):
                self._step()
        self._batch.close()
        self._stopped.set()

    def _take_messages(self) -> None:
        """Take what has arrived; wait for something when there is nothing to do."""
        if not len(self._batch) and not self._waiting and self._inbox.empty():
            self._outbox.flush()
            self._wait()
        while not self._inbox.empty():
            self._take(self._inbox.get())

    def _wait(self) -> None:
        """Wait for a message; meanwhile bring prefixes to the disk and give buffers back."""
        while self._inbox.empty() and self._batch.save_some():
            if self._batch.is_held_up and self._take_within(SECONDS_FOR_WRITER):
                return
        if not self._take_within(SECONDS_BEFORE_RELEASE):
            self._batch.release_buffers()
            self._take(self._inbox.get())

    def _take_within(self, seconds: float) -> bool:
        """Take the next message; false when none comes in time."""
        try:
            message = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return False
        self._take(message)
        return True

    def _take(self, message: Request | ShrinkFrame) -> None:
        if isinstance(message, ShrinkFrame):
            self._batch.shrink(message.kept_bytes)
            return
        if not message.cancelled:
            self._waiting.append(message)
            return
        if message in self._waiting:
            self._waiting.remove(message)
        try:
            self._batch.remove(message)
        except Exception:
            log_exception("cancelling failed")
            self._fail_all()
        self.running = len(self._batch)

    def _admit(self) -> None:
        held: list[Request] = []
        to_encode: list[Request] = []
        read_until = self._batch.read_until()
        while self._waiting and self._batch.has_room:
            request = self._waiting.popleft()
            if request.cancelled:
                continue
            if self._batch.is_prefilling_for(request):
                held.append(request)
                continue
            room = self._batch.room_for(request)
            if room is Room.WAIT:
                held.append(request)
                break
            if room is Room.FITS and self._batch.is_reading_for(request, read_until):
                held.append(request)
                self.steps += 1
                continue
            if room is Room.FITS and request.images is not None and not request.is_encoded:
                held.append(request)
                to_encode.append(request)
                continue
            self._begin(request, room)
        self._waiting.extendleft(reversed(held))
        if to_encode:
            self._encode(to_encode)

    def _encode(self, requests: list[Request]) -> None:
        """Work on the images of requests that are to begin; one whose images cannot be encoded is over."""
        encoded = self._batch.encode(requests)
        for request, error in encoded.failures:
            self._waiting.remove(request)
            self._fail(request, error)
        if encoded.has_advanced:
            self.steps += 1

    def _begin(self, request: Request, room: Room) -> None:
        try:
            if room is Room.NEVER:
                raise RequestError(
                    f"There is no memory for a completion of {len(request.prompt)} prompt tokens.", None, "memory"
                )
            request.reader = self._model.make_reader(request.frame, request.prompt)
            request.constraint = request.grammar.start() if request.grammar is not None else None
            cached_tokens = self._batch.add(request)
        except RequestError as error:
            self._fail(request, error)
            return
        except Exception as error:
            log_exception("a request could not be begun")
            self._fail(request, RequestError(f"The request could not be begun: {error}", None, "internal"))
            return
        if cached_tokens is None:
            self._waiting.appendleft(request)
            return
        request.started_at = time.perf_counter()
        self.running = len(self._batch)
        self._replies.send(
            {
                "type": "started",
                "id": request.id,
                "prompt_tokens": len(request.prompt),
                "cached_tokens": cached_tokens,
                "image_tokens": request.images.image_tokens if request.images else 0,
            }
        )

    def _step(self) -> None:
        try:
            tokens = self._batch.step()
        except Exception as error:
            log_exception("a step failed")
            self._failed_steps += 1
            self._fail_all(f"The step failed: {error}")
            if self._failed_steps >= MAX_FAILED_STEPS:
                raise EngineBrokenError(f"{self._failed_steps} steps in a row failed") from error
            return
        self._failed_steps = 0
        self.steps += 1
        now = time.perf_counter()
        for token in tokens:
            output = self._output(token, now)
            if output is not None:
                self._outbox.add(token.request, output)
        self.running = len(self._batch)
        next_has_prefill = self._batch.has_prefill or bool(self._waiting) or not self._inbox.empty()
        self._outbox.step_ended(now, next_is_slow=next_has_prefill)
        if self._batch.is_over_limit:
            self._relieve()

    def _relieve(self) -> None:
        """Come back under the memory limit: prefixes and buffers first, then the completion that came last."""
        self._batch.shrink(0)
        request = self._batch.youngest()
        if request is None or not self._batch.is_over_limit:
            return
        log(f"over the memory limit with {len(self._batch)} completions: ended the youngest")
        self._batch.remove(request)
        self._batch.shrink(0)
        self.running = len(self._batch)
        self._fail(request, RequestError("The completion grew beyond the memory that is left.", None, "memory"))

    def _output(self, new: "NewToken", now: float) -> dict[str, Any] | None:
        """What one token gives its request, or None for a request that is over."""
        request = new.request
        # A step of several tokens may go on after the one that completed a stop text.
        if request.cancelled or request.is_over:
            return None
        if request.constraint is not None and request.constraint.failure is not None:
            self._batch.remove(request)
            self._fail(request, request.constraint.failure)
            return None
        try:
            output = request.take_token(new.token, reason=new.reason, now=now)
            if new.logprobs is not None and new.token not in self._model.hidden_tokens:
                request.take_logprob(self._model.token_names.describe(new.token, new.logprobs), output)
        except Exception as error:
            log_exception("a token could not be turned into text")
            self._batch.remove(request)
            self._fail(request, RequestError(f"The token could not be turned into text: {error}", None, "internal"))
            return None
        if "finish" in output:
            if new.reason is None:
                self._batch.remove(request)
            self._registry.remove(request)
        return output

    def _fail_all(self, message: str = "The batch failed.") -> None:
        self._outbox.flush()
        for request in self._batch.reset():
            self._fail(request, RequestError(message, None, "internal"))
        self.running = 0

    def _fail(self, request: Request, error: RequestError) -> None:
        if self._registry.remove(request):
            self._replies.send_failed(request.id, error)
