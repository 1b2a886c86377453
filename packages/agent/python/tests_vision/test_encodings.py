"""Images of several prompts at a time: whoever waits holds up nobody, and whoever fails fails alone."""

import gc
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
import pytest

from media_support import Conversation, chat, put_image
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.model.image_prompt import ImagePrompt
from mlxfleet_worker.vision.vision_model import VisionModel
from stepped_engine import SteppedEngine, stepped_engine
from vision_support import compose

SYSTEM = "You are a careful describer of pictures. " * 40


def test_a_prompt_that_waits_for_anothers_image_holds_up_neither(plain_vision: Path, tmp_path: Path) -> None:
    """On one lane, as GPUs have. The one that waits is put back before the one that it waits for."""
    image = put_image(tmp_path, 1, 768, 768)
    with stepped_engine(plain_vision, tmp_path, lanes=1) as stepped:
        # Beside a stream the tower gets short turns only.
        stream = stepped.submit("stream", chat(("user", "Tell me a story.")), 4000)
        for _ in range(30):
            stepped.turn()
        stepped.submit("text", chat(("system", SYSTEM), ("user", "What is a picture?")))
        waits = stepped.submit("waits", chat(("system", SYSTEM), ("user", [image, "What is this?"])))
        works = stepped.submit("works", chat(("user", [image, "Give it a caption."])))
        stepped.turn_until(lambda: waits.encoding is not None)
        assert works.encoding is not None
        assert not works.is_encoded
        stepped.turn_until(lambda: stepped.is_over(waits) and stepped.is_over(works), 30)
        assert not stepped.is_over(stream)


def test_waiting_for_an_image_is_no_progress(vision_models: Path, tmp_path: Path) -> None:
    """Or whoever watches the engine would not see that it stands still."""
    with stepped_engine(vision_models / "qwen2-vl", tmp_path, lanes=1) as stepped:
        image = put_image(tmp_path, 1)
        slices = stepped.model.encode_images(compose(stepped.model, chat(("user", [image, "What?"]))), 0)
        next(slices)
        request = stepped.submit("request", chat(("user", [image, "What is this?"])))
        before = stepped.engine.steps
        for _ in range(3):
            stepped.admit()
        assert stepped.engine.steps == before
        slices.close()
        assert stepped.answer(request)[0]
        assert stepped.engine.steps > before


def test_a_request_that_has_begun_holds_no_pictures(vision_models: Path, tmp_path: Path) -> None:
    """Others have their room then."""
    with stepped_engine(vision_models / "qwen2-vl", tmp_path) as stepped:
        request = stepped.submit("request", chat(("user", [put_image(tmp_path, 1), put_image(tmp_path, 2)])))
        assert request.images is not None
        assert all(image.picture is not None for image in request.images.images)
        stepped.turn_until(lambda: stepped.engine.running > 0)
        assert all(image.picture is None for image in request.images.images)
        assert not request.images.pixels


class Failing:
    """A model that fails over a slice of each prompt that it is told."""

    def __init__(self, model: VisionModel) -> None:
        self._model = model
        self.fails: weakref.WeakSet[ImagePrompt] = weakref.WeakSet()
        self.raises = False
        """At once, and not when MLX computes the slice."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode_images(self, prompt: ImagePrompt, known: int) -> Generator[list[mx.array], None, None]:
        """As the model does, but for that slice."""
        parts = self._model.encode_images(prompt, known)
        yield next(parts)
        if prompt in self.fails:
            if self.raises:
                raise RuntimeError("no memory")
            yield [mx.linalg.inv(mx.zeros((3, 3)))]
        yield from parts


class FailingEngine(NamedTuple):
    """An engine with such a model."""

    stepped: SteppedEngine
    failing: Failing

    def submit_bad(self, id: str, conversation: Conversation) -> Request:
        """A request that fails."""
        request = self.stepped.submit(id, conversation)
        assert request.images is not None
        self.failing.fails.add(request.images)
        return request


@contextmanager
def failing_engine(folder: Path, workplace: Path, lanes: int) -> Iterator[FailingEngine]:
    made: list[Failing] = []

    def seeing(model: VisionModel) -> Failing:
        made.append(Failing(model))
        return made[0]

    with stepped_engine(folder, workplace, lanes, seeing) as stepped:
        yield FailingEngine(stepped, made[0])


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("raises", [True, False])
def test_images_that_cannot_be_encoded_fail_their_request_alone(
    vision_models: Path, tmp_path: Path, lanes: int, raises: bool
) -> None:
    image, other = put_image(tmp_path, 1, 768, 768), put_image(tmp_path, 2, 768, 768)
    with failing_engine(vision_models / "qwen2-vl", tmp_path, lanes) as engine:
        stepped = engine.stepped
        engine.failing.raises = raises
        bad = engine.submit_bad("bad", chat(("user", [image, "What is this?"])))
        good = stepped.submit("good", chat(("user", [other, "What is this?"])))
        same = stepped.submit("same", chat(("user", [image, "And this?"])))
        stepped.turn_until(lambda: all(stepped.is_over(request) for request in (bad, good, same)))
        [failed] = stepped.replies(bad)
        assert (failed["type"], failed["kind"]) == ("failed", "internal")
        assert "could not be encoded" in failed["message"]
        for request in (good, same):
            assert {reply["type"] for reply in stepped.replies(request)} == {"started", "output"}


@pytest.mark.parametrize("raises", [True, False])
def test_a_request_that_failed_leaves_nothing_behind(vision_models: Path, tmp_path: Path, raises: bool) -> None:
    """Neither itself, which takes room from those that wait, nor the claim to the images that it was at."""
    image, other = put_image(tmp_path, 1, 768, 768), put_image(tmp_path, 2, 768, 768)
    with failing_engine(vision_models / "qwen2-vl", tmp_path, 2) as engine:
        stepped = engine.stepped
        engine.failing.raises = raises

        def fail() -> weakref.ref[ImagePrompt]:
            bad = engine.submit_bad("bad", chat(("user", [image, other, "Are they alike?"])))
            stepped.turn_until(lambda: stepped.is_over(bad))
            assert bad.images is not None
            return weakref.ref(bad.images)

        gc.collect()
        gc.disable()
        try:
            prompt = fail()
            assert prompt() is None
            again = stepped.submit("again", chat(("user", [other, "What is this?"])))
            assert stepped.answer(again)[0]
        finally:
            gc.enable()
