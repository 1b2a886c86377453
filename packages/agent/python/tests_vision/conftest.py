"""Fixtures of the tests that run in the vision environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The driver of worker processes is the text tests'.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from images_support import Spool, spool
from worker_process import WorkerProcess

CHECKOUT = Path(__file__).parents[4]
MODELS = Path(os.environ.get("MLXFLEET_TEST_MODELS", CHECKOUT / ".cache" / "models"))


@pytest.fixture(scope="session")
def minilm() -> Path:
    """all-MiniLM-L6-v2, a real embedding model."""
    folder = MODELS / "all-MiniLM-L6-v2"
    if not (folder / "config.json").exists():
        pytest.fail(f"{folder} is missing; `npm test` makes it, or set MLXFLEET_TEST_MODELS to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def vision_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny vision models in a folder, each named by its family, such as qwen2-vl."""
    folder = MODELS / "tiny-vision"
    if not (folder / "qwen2-vl" / "config.json").exists():
        folder = tmp_path_factory.mktemp("models") / "tiny-vision"
        subprocess.run([sys.executable, CHECKOUT / "scripts" / "models" / "make_tiny_vision.py", folder], check=True)
    return folder


@pytest.fixture(scope="session")
def plain_vision() -> Path:
    """A model whose tower takes a quarter of a second for an image, and whose answers never end by themselves."""
    folder = MODELS / "plain-vision"
    if not (folder / "config.json").exists():
        pytest.fail(f"{folder} is missing; `npm test` makes it, or set MLXFLEET_TEST_MODELS to a folder that has it")
    return folder


@pytest.fixture(scope="module")
def worker(minilm: Path) -> Iterator[WorkerProcess]:
    """A worker with the embedding model."""
    with WorkerProcess.loaded(minilm, task="embed") as process:
        yield process


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    """A spool with a decoder, which the tests of a file share."""
    with spool(tmp_path_factory.mktemp("spool")) as made:
        yield made
