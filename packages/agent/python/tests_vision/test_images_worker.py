"""Decoded images in a worker with a model: what is kept of them, and for how long."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media_support import TestImage, chat, media_settings, put_image
from worker_process import WorkerProcess

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


def ask(worker: WorkerProcess, *images: TestImage) -> None:
    prompt = chat(("user", [*images, "What is this?"])).prompt()
    assert worker.complete(prompt, max_tokens=1).failed is None


def kept_bytes(worker: WorkerProcess) -> int:
    return worker.ping()["image_cache_bytes"]


def shrink(worker: WorkerProcess, size: int) -> None:
    worker.send({"type": "shrink", "prefix_cache_bytes": size})


def test_a_host_short_of_memory_gets_that_of_images_back(seeing: WorkerProcess, spool: Path) -> None:
    images = [put_image(spool, seed) for seed in range(3)]
    ask(seeing, *images)
    assert kept_bytes(seeing) == 3 * BYTES
    shrink(seeing, 2 * BYTES)
    assert kept_bytes(seeing) == 2 * BYTES
    shrink(seeing, 0)
    assert kept_bytes(seeing) == 0
    ask(seeing, *images)
    assert kept_bytes(seeing) == 3 * BYTES
