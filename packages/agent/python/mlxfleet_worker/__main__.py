"""`python -u -m mlxfleet_worker`: requests on stdin, replies on file descriptor 3, logs on stdout and stderr.

Threads: this one reads frames and answers pings, one prepares prompts, one images, one grammars, one answers questions
about tokens, one does all MLX work. End of stdin, SIGTERM or a broken reply pipe ends the process whatever the others
are doing, so an agent that is killed leaves no worker behind.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NoReturn

from .caches.errors import UnsupportedCacheError
from .embedding.engine import EmbeddingEngine
from .embedding.preparation import EmbeddingPreparation
from .embedding.request import EmbeddingRequest
from .generation.engine import Engine
from .generation.preparation import Preparation
from .generation.request import Request
from .images.decoder import ImageDecoder
from .log import log, log_exception
from .serving.limits import EngineBrokenError
from .serving.preparing_thread import PreparingThread
from .serving.question import Question
from .serving.registry import Registry
from .wire.errors import ModelSettingsError, RequestError
from .wire.frames import (
    PROTOCOL_VERSION,
    CancelFrame,
    DetokenizeFrame,
    EmbedFrame,
    GenerateFrame,
    LoadFrame,
    PingFrame,
    ShrinkFrame,
    TokenizeFrame,
)
from .wire.parse_frame import FrameError, parse_frame
from .wire.replies import ReplyChannel

REPLY_DESCRIPTOR = 3
LIBRARIES = ("mlx", "mlx-lm", "mlx-vlm", "transformers", "tokenizers")
"""Named in the first reply, those of them that the environment has."""
STOP_SECONDS = 8.0
"""Half of the time that the agent gives a worker before it kills it."""


def end_process(code: int) -> NoReturn:
    """End now, without waiting for other threads: MLX may be in the middle of a long prefill."""
    try:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    finally:
        # Whatever else fails, for want of memory for example.
        os._exit(code)


def library_versions() -> dict[str, str]:
    """Name to version of the libraries that this environment has."""
    versions = {}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


class Worker:
    """Wires the threads together."""

    def __init__(self) -> None:
        self._replies = ReplyChannel(REPLY_DESCRIPTOR, on_broken=lambda: end_process(1))
        self._registry = Registry()
        self._engine: Engine | EmbeddingEngine = Engine(self._replies, self._registry)
        self._preparation: Preparation | EmbeddingPreparation = Preparation(self._engine, self._replies, self._registry)
        self._decoder: ImageDecoder | None = None
        self._load_frames: queue.SimpleQueue[LoadFrame | FrameError] = queue.SimpleQueue()
        self._load_seen = False
        self._memory_counters: Callable[[], dict[str, int]] = dict

    def run(self) -> NoReturn:
        """Read frames until stdin ends."""
        threading.Thread(target=self._run_engine, name="engine", daemon=True).start()
        for line in sys.stdin.buffer:
            try:
                self._handle(line)
            except Exception:
                log_exception("a frame could not be handled")
        log("stdin ended")
        self.stop()

    def stop(self) -> NoReturn:
        """End, after the engine has saved what is worth saving: a moment, and nothing where there is no disk tier."""
        self._engine.stop(STOP_SECONDS)
        end_process(0)

    def _handle(self, line: bytes) -> None:
        try:
            frame = parse_frame(line)
        except FrameError as error:
            self._refuse(line, error)
            return
        match frame:
            case GenerateFrame() | EmbedFrame():
                self._take_request(frame)
            case CancelFrame():
                self._cancel(frame.id)
            case TokenizeFrame() | DetokenizeFrame():
                self._take(Question(frame))
            case PingFrame():
                self._pong(frame)
            case ShrinkFrame():
                self._shrink(frame)
            case LoadFrame():
                self._take_load(frame)

    def _take_request(self, frame: GenerateFrame | EmbedFrame) -> None:
        embeds = isinstance(self._engine, EmbeddingEngine)
        if embeds is not isinstance(frame, EmbedFrame):
            does = "turns text into vectors" if embeds else "generates text"
            self._replies.send_failed(frame.id, RequestError(f"This model {does}.", "model"))
            return
        self._take(EmbeddingRequest(frame) if isinstance(frame, EmbedFrame) else Request(frame))

    def _take(self, task: Request | EmbeddingRequest | Question) -> None:
        if self._registry.add(task):
            self._preparation.submit(task)
        else:
            log(f"ignored a second request with the id {task.id!r}")

    def _cancel(self, id: str) -> None:
        task = self._registry.get(id)
        if task is None:
            return
        task.cancelled = True
        self._registry.remove(task)
        # Questions never come to the engine.
        if not isinstance(task, Question):
            self._engine.submit(task)

    def _shrink(self, frame: ShrinkFrame) -> None:
        # Here and now: the thread that decodes may be at a slow image, and the engine at a long prefill.
        if self._decoder is not None and isinstance(self._engine, Engine):
            self._decoder.shrink(max(0, frame.kept_bytes - self._engine.kept_bytes))
        self._engine.submit(frame)

    def _refuse(self, line: bytes, error: FrameError) -> None:
        log(f"invalid frame of {len(line)} bytes: {error.message}")
        if error.id is not None:
            if self._registry.get(error.id) is None:
                self._replies.send_failed(error.id, RequestError(error.message, error.param))
        elif not self._load_seen and b'"load"' in line:
            self._take_load(error)

    def _take_load(self, frame: LoadFrame | FrameError) -> None:
        if self._load_seen:
            log("ignored a second load frame")
            return
        self._load_seen = True
        if isinstance(frame, LoadFrame):
            self._prepare_for(frame)
        self._load_frames.put(frame)

    def _prepare_for(self, frame: LoadFrame) -> None:
        """Have the engine and the threads that this kind of model needs."""
        if frame.task == "embed":
            self._engine = EmbeddingEngine(self._replies, self._registry)
            self._preparation = EmbeddingPreparation(self._engine, self._replies, self._registry)
        elif frame.media is not None:
            assert isinstance(self._engine, Engine)
            self._decoder = ImageDecoder(frame.media)
            self._preparation = Preparation(self._engine, self._replies, self._registry, self._decoder)

    def _pong(self, frame: PingFrame) -> None:
        running = self._engine.running
        counters = {
            "active_memory_bytes": 0,
            "cache_memory_bytes": 0,
            "peak_memory_bytes": 0,
            **self._memory_counters(),
        }
        self._replies.send(
            {
                "type": "pong",
                "nonce": frame.nonce,
                "running": running,
                "waiting": max(len(self._registry) - running, 0),
                "steps": self._engine.steps,
                "preparing_seconds": round(max(thread.seconds for thread in self._preparation.threads), 3),
                **self._engine.counters(),
                "image_cache_bytes": self._preparation.image_bytes,
                **counters,
            }
        )

    def _run_engine(self) -> None:
        try:
            self._announce()
            self._load()
            self._engine.run()
            end_process(0)
        except EngineBrokenError as error:
            log(f"giving up: {error}")
        except BaseException:
            log_exception("the engine failed")
        finally:
            # Without memory not even a log line is sure to be written.
            end_process(1)

    def _announce(self) -> None:
        """Import the libraries, which takes seconds, and say that they are there."""
        import mlx.core as mx

        from .serving.memory import memory_counters

        # The vision environment has both libraries, and serves what the text environment does not.
        if find_spec("mlx_vlm") is None:
            from .generation import batch  # noqa: F401  (the import is the point)
        else:
            from .embedding import model  # noqa: F401
            from .vision import vision_model  # noqa: F401

        self._memory_counters = memory_counters
        self._replies.send(
            {
                "type": "ready",
                "protocol_version": PROTOCOL_VERSION,
                "pid": os.getpid(),
                "versions": library_versions(),
                "device": mx.default_device().type.name,
            }
        )

    def _load(self) -> None:
        frame = self._load_frames.get()
        try:
            if isinstance(frame, FrameError):
                raise frame
            model = self._engine.load(frame)
        except Exception as error:
            log_exception("the model could not be loaded")
            self._replies.send({"type": "load_failed", "message": _load_failure(error)})
            end_process(1)
        for thread in self._preparation.threads:
            threading.Thread(
                target=self._run_preparation, args=(thread, model), name="preparation", daemon=True
            ).start()

    def _run_preparation(self, thread: PreparingThread, model: Any) -> NoReturn:
        """Prepare for ever. Without this thread no request would begin, and none would hear of it."""
        try:
            thread.run(model)
        except BaseException:
            log_exception("preparing requests failed")
        finally:
            end_process(1)


def _load_failure(error: Exception) -> str:
    """What the agent is told: our own words as they are, those of a library with the kind of its error."""
    if isinstance(error, (ModelSettingsError, UnsupportedCacheError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def main() -> NoReturn:
    """Run the worker until it is told to end."""
    try:
        os.set_inheritable(REPLY_DESCRIPTOR, False)
    except OSError:
        log(f"file descriptor {REPLY_DESCRIPTOR} is not open: the worker is started by the agent")
        end_process(2)
    worker = Worker()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Models are folders on this machine; nothing may reach for a hub.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        worker.run()
    finally:
        end_process(1)


if __name__ == "__main__":
    main()
