"""Fixtures shared by all tests: model folders and a worker process that serves a whole file of tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker_process import WorkerProcess

pytest_plugins = ["disk_support"]

CHECKOUT = Path(__file__).parents[4]
MODELS = Path(os.environ.get("MLXFLEET_TEST_MODELS", CHECKOUT / ".cache" / "models"))


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama with random weights: about a thousand tokens a second, context 8192."""
    folder = MODELS / "tiny-text"
    if not (folder / "config.json").exists():
        folder = tmp_path_factory.mktemp("models") / "tiny-text"
        script = CHECKOUT / "scripts" / "models" / "make_tiny_text.py"
        subprocess.run([sys.executable, script, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, a real model."""
    folder = MODELS / "SmolLM2-135M-Instruct"
    if not (folder / "config.json").exists():
        pytest.fail(f"{folder} is missing; `npm test` makes it, or set MLXFLEET_TEST_MODELS to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def chat_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models in a folder, each with the tokens and a chat template in the style of the family of its name."""
    folder = tmp_path_factory.mktemp("chat-models")
    subprocess.run([sys.executable, CHECKOUT / "scripts" / "models" / "make_template_models.py", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def worker(tiny_text: Path) -> Iterator[WorkerProcess]:
    """A loaded worker with the tiny model."""
    with WorkerProcess.loaded(tiny_text) as process:
        yield process
