"""A prefix that held a prompt's images may be given up between their encoding and the prompt's beginning."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from media_support import Conversation, chat, media_settings, put_image
from mlxfleet_worker.generation.engine import Engine
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.vision.vision_model import VisionModel
from mlxfleet_worker.wire.frames import NO_TOOLS, LoadFrame, MediaSettings, PrefixCacheSettings, ShrinkFrame
from mlxfleet_worker.wire.parse_frame import parse_frame
from mlxfleet_worker.wire.prompts import ChatPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from vision_support import decoded
from worker_process import Frame, generate_frame


@dataclass
class SteppedEngine:
    """An engine that does one piece of work at a time, and what it replies."""

    engine: Engine
    registry: Registry
    model: VisionModel
    replies: Path

    def submit(self, id: str, conversation: Conversation) -> Request:
        """Hand over a request as the threads that prepare do."""
        request = Request(parse_frame(json.dumps(generate_frame(id, conversation.prompt(), max_tokens=6)).encode()))  # type: ignore[arg-type]
        assert isinstance(request.frame.prompt, ChatPrompt)
        images = [[image] for image in decoded(conversation)]
        request.images = self.model.compose(request.frame.prompt, NO_TOOLS, images)
        request.prompt = request.images.tokens
        request.max_tokens = 6
        self.registry.add(request)
        self.engine.submit(request)
        self.engine._take_messages()
        return request

    def admit(self) -> None:
        """Begin what can begin, or have images encoded for a while."""
        self.engine._admit()

    def answer(self, request: Request) -> tuple[str, Frame]:
        """Go on until the request is over; its text, and the reply that it began."""
        while self.registry.get(request.id) is not None:
            self.admit()
            if self.engine.running:
                self.engine._step()
        self.engine._outbox.flush()
        replies = [json.loads(line) for line in self.replies.read_text().splitlines()]
        outputs = [output for reply in replies for output in reply.get("outputs", ()) if output["id"] == request.id]
        [started] = [reply for reply in replies if reply["type"] == "started" and reply["id"] == request.id]
        return "".join(output["text"] for output in outputs), started


@pytest.fixture
def stepped(vision_models: Path, tmp_path: Path) -> Iterator[SteppedEngine]:
    replies = tmp_path / "replies"
    descriptor = os.open(replies, os.O_WRONLY | os.O_CREAT)
    registry = Registry()
    engine = Engine(ReplyChannel(descriptor, on_broken=pytest.fail), registry)
    frame = LoadFrame(
        str(vision_models / "qwen2-vl"),
        None,
        None,
        8,
        task="vision",
        prefix_cache=PrefixCacheSettings(memory_bytes=100_000_000),
        media=MediaSettings(**media_settings(tmp_path)),
    )
    model = engine.load(frame)
    assert isinstance(model, VisionModel)
    yield SteppedEngine(engine, registry, model, replies)
    os.close(descriptor)


def test_the_images_are_encoded_in_slices_then(stepped: SteppedEngine, tmp_path: Path) -> None:
    conversation = chat(("user", [put_image(tmp_path, 1), "What is", put_image(tmp_path, 2), "beside it?"]))
    expected, _ = stepped.answer(stepped.submit("first", conversation))
    request = stepped.submit("second", conversation)
    stepped.admit()
    assert request.is_encoded
    assert request.images is not None
    assert request.images.embeddings.known > 0
    stepped.engine.submit(ShrinkFrame(0))
    stepped.engine._take_messages()
    assert stepped.model.feature_bytes == 0
    # It goes back to where images are encoded between the steps of others.
    stepped.admit()
    assert stepped.engine.running == 0
    text, started = stepped.answer(request)
    assert (text, started["cached_tokens"]) == (expected, 0)
    assert stepped.model.feature_bytes > 0


def test_a_prompt_whose_prefix_is_still_there_is_not_encoded(stepped: SteppedEngine, tmp_path: Path) -> None:
    conversation = chat(("user", [put_image(tmp_path, 1), "What is this?"]))
    expected, _ = stepped.answer(stepped.submit("first", conversation))
    stepped.model.shrink_features(0)
    text, started = stepped.answer(stepped.submit("second", conversation))
    assert text == expected
    assert started["cached_tokens"] > 0
    assert stepped.model.feature_bytes == 0
