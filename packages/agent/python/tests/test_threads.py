"""The threads that prepare prompts and answer questions share one tokenizer and one template."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlx_lm.utils import load_tokenizer

from chat_answers import TOOLS
from mlxfleet_worker.chat.format import ChatFormat
from mlxfleet_worker.wire.frames import ToolChoice
from mlxfleet_worker.wire.prompts import ChatPrompt

THREADS = 4
ROUNDS = 3


def conversations() -> list[ChatPrompt]:
    """Long and short ones that have nothing in common, with tools and without."""
    return [
        ChatPrompt([{"role": "user", "content": f"{word} {place} " * 40**place}], {}, TOOLS[: place % 3])
        for word in ("zebra", "quagga", "okapi")
        for place in range(3)
    ]


@pytest.fixture
def folder(tiny_text: Path, tmp_path: Path) -> Path:
    """A model whose tokenizer cuts off whatever is long, by its own file, until it is first used."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_text, folder)
    file = folder / "tokenizer.json"
    settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    settings["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    file.write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_several_threads_render_as_one_does(tiny_text: Path, folder: Path) -> None:
    alone = ChatFormat(load_tokenizer(tiny_text))
    expected = [alone.render(prompt, ToolChoice("auto")) for prompt in conversations()]
    assert min(map(len, expected)) > 8
    for _ in range(ROUNDS):
        tokenizer = load_tokenizer(folder)
        assert tokenizer.backend_tokenizer.truncation is not None
        shared = ChatFormat(tokenizer)
        begin = threading.Barrier(THREADS)

        def render(first: int, shared: ChatFormat = shared, begin: threading.Barrier = begin) -> list[list[int]]:
            prompts = conversations()
            order = [*range(first, len(prompts)), *range(first)]
            begin.wait()
            tokens = {place: shared.render(prompts[place], ToolChoice("auto")) for place in order}
            return [tokens[place] for place in range(len(prompts))]

        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(render, range(THREADS))) == [expected] * THREADS
