"""An engine of a vision model in this process that does one piece of work at a time."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from media_support import Conversation, media_settings
from mlxfleet_worker.generation.batch import Batch
from mlxfleet_worker.generation.engine import Engine
from mlxfleet_worker.generation.prefixes import open_prefix_cache
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.vision.vision_model import VisionModel
from mlxfleet_worker.wire.frames import NO_TOOLS, GenerateFrame, LoadFrame, MediaSettings, PrefixCacheSettings
from mlxfleet_worker.wire.parse_frame import parse_frame
from mlxfleet_worker.wire.prompts import ChatPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from vision_support import decoded
from worker_process import Frame, generate_frame


@dataclass
class SteppedEngine:
    """The engine, and what it replies."""

    engine: Engine
    registry: Registry
    model: VisionModel
    replies_at: Path

    def submit(self, id: str, conversation: Conversation, max_tokens: int = 6) -> Request:
        """Hand over a request as the threads that prepare do."""
        frame = parse_frame(json.dumps(generate_frame(id, conversation.prompt(), max_tokens=max_tokens)).encode())
        assert isinstance(frame, GenerateFrame)
        assert isinstance(frame.prompt, ChatPrompt)
        request = Request(frame)
        if conversation.images:
            request.images = self.model.compose(frame.prompt, NO_TOOLS, [[image] for image in decoded(conversation)])
            request.prompt = request.images.tokens
        else:
            request.prompt = self.model.encode(frame.prompt, NO_TOOLS)
        request.max_tokens = max_tokens
        self.registry.add(request)
        self.engine.submit(request)
        self.engine._take_messages()
        return request

    def admit(self) -> None:
        """Begin what can begin, or have images encoded for a while."""
        self.engine._admit()

    def turn(self) -> None:
        """Do that, then a step."""
        self.admit()
        if self.engine.running:
            self.engine._step()

    def turn_until(self, is_over: Callable[[], bool], seconds: float = 60.0) -> None:
        """Go on until then."""
        deadline = time.monotonic() + seconds
        while not is_over():
            assert time.monotonic() < deadline
            self.turn()

    def is_over(self, request: Request) -> bool:
        """Whether a request has been answered, or has failed."""
        return self.registry.get(request.id) is None

    def answer(self, request: Request) -> tuple[str, Frame]:
        """Go on until the request is over; its text, and the reply that it began."""
        self.turn_until(lambda: self.is_over(request))
        replies = self.replies(request)
        [started] = [reply for reply in replies if reply["type"] == "started"]
        return "".join(reply["text"] for reply in replies if reply["type"] == "output"), started

    def replies(self, request: Request) -> list[Frame]:
        """What has been told of a request, the outputs of steps as frames of their own."""
        self.engine._outbox.flush()
        frames = [json.loads(line) for line in self.replies_at.read_text().splitlines()]
        outputs = [{"type": "output", **output} for frame in frames for output in frame.get("outputs", ())]
        return [frame for frame in [*frames, *outputs] if frame.get("id") == request.id]


@contextmanager
def stepped_engine(
    folder: Path,
    workplace: Path,
    lanes: int | None = None,
    seeing: Callable[[VisionModel], Any] = lambda model: model,
) -> Iterator[SteppedEngine]:
    """With the model in this folder; `lanes` are the machine's own where there is no number.

    `seeing` makes what encodes images, where that is not to be the model.
    """
    frame = LoadFrame(
        str(folder),
        None,
        None,
        8,
        task="vision",
        prefix_cache=PrefixCacheSettings(memory_bytes=100_000_000),
        media=MediaSettings(**media_settings(workplace)),
    )
    replies = workplace / "replies"
    descriptor = os.open(replies, os.O_WRONLY | os.O_CREAT)
    registry = Registry()
    engine = Engine(ReplyChannel(descriptor, on_broken=pytest.fail), registry)
    model = VisionModel.load_frame(frame, lanes)
    batch = Batch(model, 8, prefixes=open_prefix_cache(frame, model), seeing=seeing(model))
    batch.warm_up()
    engine.use(model, batch)
    try:
        yield SteppedEngine(engine, registry, model, replies)
    finally:
        os.close(descriptor)
