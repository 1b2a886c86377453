"""A prefix that held a prompt's images may be given up between their encoding and the prompt's beginning."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media_support import chat, put_image
from mlxfleet_worker.wire.frames import ShrinkFrame
from stepped_engine import SteppedEngine, stepped_engine


@pytest.fixture
def stepped(vision_models: Path, tmp_path: Path) -> Iterator[SteppedEngine]:
    with stepped_engine(vision_models / "qwen2-vl", tmp_path) as engine:
        yield engine


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
