"""Rows of a mixed batch are what mlx-lm generates for each alone, whatever their neighbours want."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlx_lm_oracle import Oracle
from worker_process import Frame, WorkerProcess, generate_frame

COUNT = 40
PROMPT = [20, 61, 47, 90, 33]
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "people": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
SAMPLINGS: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 0, "repetition_penalty": 1.3},
    {"temperature": 0, "presence_penalty": 0.7},
    {"temperature": 0, "frequency_penalty": 0.4, "presence_penalty": -0.2},
    {"temperature": 0, "logit_bias": {"70": 3.0, "71": -100, "5": 1.5}},
    {"temperature": 1, "seed": 0},
    {"temperature": 0.6, "seed": 12345},
    {"temperature": 1.1, "top_p": 0.8, "seed": 7},
    {"temperature": 2, "top_k": 12, "seed": 8},
    {"temperature": 1.4, "min_p": 0.1, "seed": 9},
    {"temperature": 0.9, "top_p": 0.95, "top_k": 40, "min_p": 0.01, "repetition_penalty": 1.1, "seed": 10},
    {"temperature": 1, "presence_penalty": 1, "frequency_penalty": 0.5, "logit_bias": {"30": 2}, "seed": 2**63},
]


@pytest.fixture(scope="module")
def oracle(tiny_text: Path) -> Oracle:
    return Oracle(tiny_text)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=json.dumps)
def test_each_row_alone_is_mlx_lms(worker: WorkerProcess, oracle: Oracle, sampling: dict[str, Any]) -> None:
    completion = worker.complete(PROMPT, max_tokens=COUNT, sampling=sampling)
    assert completion.tokens == oracle.complete(PROMPT, COUNT, sampling)


def test_sixteen_different_wishes_in_one_batch(worker: WorkerProcess, oracle: Oracle) -> None:
    prompts = [[*PROMPT, *range(3, 3 + number * 9)] for number in range(16)]
    expected = [oracle.complete(prompt, COUNT, sampling) for prompt, sampling in zip(prompts, SAMPLINGS, strict=False)]
    frames = [
        generate_frame(worker.new_id(), prompt, max_tokens=COUNT, sampling=sampling)
        for prompt, sampling in zip(prompts, SAMPLINGS, strict=False)
    ]
    for number in (0, 5, 10):
        frames[number]["logprobs"] = number
    stopped = worker.complete(prompts[12], max_tokens=COUNT)
    stop = stopped.text[8:10]
    constrained = {
        **generate_frame(worker.new_id(), prompts[13], max_tokens=200, sampling={"seed": 3}),
        "constraint": {"kind": "json_schema", "schema": CITY},
    }
    (json_alone,) = worker.complete_all([{**constrained, "id": worker.new_id()}])
    *rows, with_stop, with_schema, short, unseeded = worker.complete_all(
        [
            *frames,
            generate_frame(worker.new_id(), prompts[12], max_tokens=COUNT, stop=[stop]),
            constrained,
            generate_frame(worker.new_id(), prompts[14], max_tokens=1),
            generate_frame(worker.new_id(), prompts[15], max_tokens=COUNT, sampling={"temperature": 1.5}),
        ]
    )
    assert [row.tokens for row in rows] == expected
    assert with_stop.text == stopped.text[: stopped.text.index(stop)]
    assert with_stop.tokens == stopped.tokens[: len(with_stop.tokens)]
    assert with_schema.tokens == json_alone.tokens
    assert json.loads(with_schema.text)["city"] in ("Paris", "Rome")
    assert short.tokens == oracle.complete(prompts[14], 1)
    assert unseeded.finish is not None


@pytest.fixture(scope="module")
def sharing(tiny_text: Path) -> Iterator[WorkerProcess]:
    """A worker with few rows and a prefix cache, so that requests wait, share and are evicted."""
    cache = {"memory_bytes": 1 << 20, "disk_path": None, "disk_bytes": 0}
    with WorkerProcess.loaded(tiny_text, max_batch_size=6, prefix_cache=cache) as process:
        yield process


def random_frames(generator: random.Random, worker: WorkerProcess, count: int) -> list[Frame]:
    """Requests of all lengths, many of which begin alike."""
    beginnings = [[generator.randrange(3, 250) for _ in range(600)] for _ in range(3)]
    frames = []
    for _ in range(count):
        shared = generator.choice(beginnings)[: generator.choice([0, 5, 130, 300, 600])]
        prompt = shared + [generator.randrange(3, 250) for _ in range(generator.randrange(1, 40))]
        sampling = dict(generator.choice(SAMPLINGS))
        frames.append(generate_frame(worker.new_id(), prompt, max_tokens=generator.randrange(1, 30), sampling=sampling))
    return frames


@pytest.mark.parametrize("seed", range(2))
def test_random_arrivals_lengths_and_cancels_never_mix_rows_up(
    sharing: WorkerProcess, worker: WorkerProcess, seed: int
) -> None:
    generator = random.Random(seed)
    frames = random_frames(generator, sharing, 40)
    expected = {}
    for frame in frames:
        expected[frame["id"]] = worker.complete_all([{**frame, "id": worker.new_id()}])[0].tokens
    cancellable = {frame["id"] for frame in generator.sample(frames, 10)}
    tokens: dict[str, list[int]] = {id: [] for id in expected}
    running: set[str] = set()
    cancelled: set[str] = set()
    while frames or running:
        if frames and (not running or generator.random() < 0.3):
            running.add(frames[-1]["id"])
            sharing.send(frames.pop())
        elif (wanted := sorted(running & cancellable)) and generator.random() < 0.1:
            sharing.send({"type": "cancel", "id": wanted[0]})
            running.discard(wanted[0])
            cancelled.add(wanted[0])
        else:
            frame = sharing.read()
            assert frame["type"] in ("started", "step"), frame
            for output in frame.get("outputs", ()):
                tokens[output["id"]] += output["tokens"]
                running -= {output["id"]} if "finish" in output else set()
    assert cancelled
    for id, whole in expected.items():
        assert tokens[id] == (whole[: len(tokens[id])] if id in cancelled else whole)


def test_a_real_model_in_a_mixed_batch_of_sixteen(smollm2: Path) -> None:
    oracle = Oracle(smollm2)
    prompts = ["The capital of France is", "Once upon a time"]
    samplings = [SAMPLINGS[0], SAMPLINGS[7]]
    pairs = [(prompt, sampling) for prompt in prompts for sampling in samplings]
    expected = [oracle.complete(oracle.tokenizer.encode(prompt), 3, sampling) for prompt, sampling in pairs]
    with WorkerProcess.loaded(smollm2) as worker:
        frames = [
            generate_frame(
                worker.new_id(), {"kind": "text", "text": prompt}, max_tokens=1 + row // 6, sampling=sampling
            )
            for row, (prompt, sampling) in enumerate(pairs * 4)
        ]
        together = worker.complete_all(frames)
    for row, completion in enumerate(together):
        assert completion.tokens == expected[row % len(pairs)][: 1 + row // 6]
