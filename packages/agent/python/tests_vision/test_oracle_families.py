"""What the worker generates for images is what mlx_vlm.generate does, token for token, alone and in mixed batches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media_support import Conversation, chat, media_settings, put_image
from mlx_vlm_oracle import Oracle
from worker_process import WorkerProcess, generate_frame

FAMILIES = [
    "qwen2-vl",
    "qwen2.5-vl",
    "qwen3-vl",
    "qwen3.5",
    "gemma3",
    "llava",
    "smolvlm",
    "mistral3",
    "pixtral",
    "internvl",
    "gemma4",
]
TOKENS = 24
KEPT = {"memory_bytes": 100_000_000, "disk_path": None, "disk_bytes": 0}


class Family:
    """A model in a worker and in mlx-vlm, and conversations with their expected answers."""

    def __init__(self, worker: WorkerProcess, oracle: Oracle, spool: Path) -> None:
        self.worker = worker
        first, second, third = (put_image(spool, seed, width) for seed, width in ((1, 120), (2, 60), (3, 200)))
        self.conversations: dict[str, Conversation] = {
            "text": chat(("user", "What is a zebra?")),
            "one image": chat(("user", [first, "What is this?"])),
            "another image": chat(("user", [second, "What is this?"])),
            "image behind the text": chat(("user", ["What is this?", third])),
            "two images": chat(("user", [first, "and", second, "differ how?"])),
            "two images, in the other order": chat(("user", [second, "and", first, "differ how?"])),
            "several turns": chat(
                ("user", [first, "What is this?"]),
                ("assistant", "Noise."),
                ("user", [third, "And this?"]),
                ("assistant", "Noise as well."),
                ("user", "Which is larger?"),
            ),
        }
        self.expected = {
            name: oracle.complete(each.plain_messages(), each.pictures(), TOKENS)
            for name, each in self.conversations.items()
        }

    def forget(self) -> None:
        """Have the worker keep nothing of prompts and images."""
        self.worker.send({"type": "shrink", "kept_bytes": 0})

    def ask(self, *names: str) -> dict[str, list[int]]:
        """The answers to these conversations, all asked at once."""
        for name in names:
            self.worker.send(generate_frame(name, self.conversations[name].prompt(), max_tokens=TOKENS))
        completions = self.worker.collect(names)
        assert {name: each.failed for name, each in completions.items() if each.failed} == {}
        return {name: each.tokens for name, each in completions.items()}


@pytest.fixture(scope="module", params=FAMILIES)
def family(
    request: pytest.FixtureRequest, vision_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Family]:
    spool = tmp_path_factory.mktemp("spool")
    folder = vision_models / request.param
    with WorkerProcess.loaded(folder, task="vision", media=media_settings(spool), prefix_cache=KEPT) as worker:
        yield Family(worker, Oracle(folder), spool)


def test_all_at_once(family: Family) -> None:
    family.forget()
    assert family.ask(*family.conversations) == family.expected


def test_each_alone(family: Family) -> None:
    answers = {}
    for name in family.conversations:
        family.forget()
        answers |= family.ask(name)
    assert answers == family.expected


def test_each_of_what_is_known(family: Family) -> None:
    family.ask(*family.conversations)
    assert {name: family.ask(name)[name] for name in family.conversations} == family.expected
    assert family.ask(*family.conversations) == family.expected


def test_images_and_their_order_matter(family: Family) -> None:
    expected = family.expected
    assert expected["one image"] != expected["another image"]
    assert expected["two images"] != expected["two images, in the other order"]
