"""Decoded images in a worker with a model: what is kept of them, and for how long."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media_support import TestImage, chat, media_settings, put_image
from worker_process import WorkerProcess, generate_frame

BYTES = 3 * 120 * 90
"""Of an image of the spool, which is small enough to be decoded as it is."""


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def seeing(vision_models: Path, spool: Path) -> Iterator[WorkerProcess]:
    media = media_settings(spool)
    with WorkerProcess.loaded(vision_models / "qwen2-vl", task="vision", media=media) as worker:
        yield worker


def ask(worker: WorkerProcess, *images: TestImage, cache_scope: str | None = None) -> None:
    prompt = chat(("user", [*images, "What is this?"])).prompt()
    frame = generate_frame(worker.new_id(), prompt, max_tokens=1)
    [completion] = worker.complete_all([{**frame, "cache_scope": cache_scope}])
    assert completion.failed is None


def kept_bytes(worker: WorkerProcess) -> int:
    return worker.ping()["image_cache_bytes"]


def kept(worker: WorkerProcess) -> tuple[int, int]:
    """Bytes of pictures and of features."""
    pong = worker.ping()
    return pong["image_cache_bytes"], pong["feature_cache_bytes"]


def shrink(worker: WorkerProcess, size: int) -> None:
    """Returns when it has: the next piece of work of an idle engine comes after it."""
    worker.send({"type": "shrink", "kept_bytes": size})
    frame = generate_frame(worker.new_id(), "x", max_tokens=1)
    worker.complete_all([frame])


def test_a_host_short_of_memory_gets_that_of_images_back(seeing: WorkerProcess, spool: Path) -> None:
    images = [put_image(spool, seed) for seed in range(3)]
    ask(seeing, *images)
    before = seeing.ping()
    features = before["feature_cache_bytes"]
    assert (before["image_cache_bytes"], features > 0) == (3 * BYTES, True)
    # Pictures first, which are the quickest to make again, then no more of the features than it takes.
    shrink(seeing, features + 2 * BYTES)
    assert kept(seeing) == (2 * BYTES, features)
    shrink(seeing, features)
    assert kept(seeing) == (0, features)
    shrink(seeing, features - 1)
    assert kept(seeing) == (0, features * 2 // 3)
    shrink(seeing, 0)
    assert kept(seeing) == (0, 0)
    ask(seeing, *images)
    assert kept(seeing) == (3 * BYTES, features)


def test_one_client_uses_nothing_that_another_has_shown(seeing: WorkerProcess, spool: Path) -> None:
    image = put_image(spool, 10)
    shrink(seeing, 0)
    for scope, size in (("one", BYTES), ("two", 2 * BYTES), (None, 3 * BYTES), ("one", 3 * BYTES)):
        ask(seeing, image, cache_scope=scope)
        assert kept_bytes(seeing) == size


def count(worker: WorkerProcess, image: TestImage, scope: str | None) -> str:
    """The type of the reply to a question about a prompt with this image."""
    prompt = chat(("user", [image, "What is this?"])).prompt()
    worker.send({"type": "tokenize", "id": worker.new_id(), "prompt": prompt, "cache_scope": scope})
    return worker.read()["type"]


@pytest.mark.parametrize(("scope", "other"), [(None, "one"), ("one", None), ("one", "two")])
def test_an_image_that_was_counted_is_found_decoded_in_its_scope(
    seeing: WorkerProcess, spool: Path, scope: str | None, other: str | None
) -> None:
    image = put_image(spool, 11)
    shrink(seeing, 0)
    assert count(seeing, image, scope) == "tokenized"
    assert kept_bytes(seeing) == BYTES
    Path(image.medium["path"]).unlink()
    ask(seeing, image, cache_scope=scope)
    assert count(seeing, image, scope) == "tokenized"
    assert count(seeing, image, other) == "failed"
