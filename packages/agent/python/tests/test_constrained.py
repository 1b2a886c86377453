"""JSON schemas and forced calls over the wire, on a model that writes random bytes."""

import json
import shutil
import threading
from pathlib import Path

import pytest

from mlxfleet_worker.model.text_model import TextModel
from worker_process import Completion, WorkerProcess, generate_frame

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "people": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
CONSTRAINT = {"kind": "json_schema", "schema": SCHEMA}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "Finds a city.", "parameters": SCHEMA}}


def chat(**fields: object) -> dict:
    return {"kind": "chat", "messages": [{"role": "user", "content": "Name a city."}], **fields}


def collect_calls(worker: WorkerProcess, frame: dict) -> tuple[dict[int, dict], str]:
    """The calls of an answer, put together, and why it ended."""
    calls: dict[int, dict] = {}
    worker.send(frame)
    while True:
        reply = worker.read()
        assert reply["type"] != "failed", reply
        for output in reply.get("outputs", ()):
            for delta in output.get("tool_calls", ()):
                call = calls.setdefault(delta["index"], {"arguments": ""})
                call["arguments"] += delta["arguments"]
                call.update({key: delta[key] for key in ("id", "name") if key in delta})
            if "finish" in output:
                return calls, output["finish"]["reason"]


def check(completion: Completion) -> None:
    assert completion.failed is None, completion.failed
    assert completion.finish is not None
    assert completion.finish["reason"] == "stop"
    value = json.loads(completion.text)
    assert value["city"] in ("Paris", "Rome")
    assert 0 <= value["people"] <= 99


def test_every_finished_answer_follows_the_schema_in_mixed_batches(worker: WorkerProcess) -> None:
    free = worker.complete("zebra", max_tokens=30).tokens
    frames = []
    for seed in range(16):
        frame = generate_frame(worker.new_id(), chat(), max_tokens=200, sampling={"seed": seed})
        frames.append({**frame, "constraint": CONSTRAINT} if seed % 2 else frame)
    plain = generate_frame(worker.new_id(), "zebra", max_tokens=30)
    *completions, beside = worker.complete_all([*frames, plain])
    assert beside.tokens == free
    for completion in completions[1::2]:
        check(completion)


def test_plain_prompts_and_any_object(worker: WorkerProcess) -> None:
    frame = generate_frame(worker.new_id(), {"kind": "text", "text": "{"}, max_tokens=300, sampling={"seed": 2})
    (completion,) = worker.complete_all([{**frame, "constraint": CONSTRAINT}])
    check(completion)
    frame = generate_frame(worker.new_id(), chat(), max_tokens=400, sampling={"seed": 3, "logit_bias": {"94": 3}})
    (completion,) = worker.complete_all([{**frame, "constraint": {"kind": "json_object"}}])
    assert completion.finish is not None
    if completion.finish["reason"] == "stop":
        assert isinstance(json.loads(completion.text), dict)


def test_log_probabilities_of_constrained_tokens_are_finite(worker: WorkerProcess) -> None:
    frame = generate_frame(worker.new_id(), chat(), max_tokens=200, sampling={"seed": 5})
    worker.send({**frame, "constraint": CONSTRAINT, "logprobs": 3})
    frames = worker.read_until(lambda reply: any("finish" in output for output in reply.get("outputs", ())))
    reported = [
        entry for reply in frames for output in reply.get("outputs", ()) for entry in output.get("logprobs", ())
    ]
    assert reported
    assert all(entry["logprob"] <= 0 for entry in reported)


@pytest.mark.parametrize("family", ["gpt_oss", "qwen3", "qwen3_thinking"])
def test_models_that_reason_and_may_call_answer_by_the_schema_or_call(chat_models: Path, family: str) -> None:
    tool = {**TOOL, "function": {**TOOL["function"], "strict": True}}
    with WorkerProcess.loaded(chat_models / family) as process:
        frames = []
        for seed in range(24):
            tools = {"tools": [tool]} if seed % 3 == 0 else {}
            frame = generate_frame(process.new_id(), chat(**tools), max_tokens=2000, sampling={"seed": seed})
            frames.append({**frame, "constraint": CONSTRAINT, "tool_choice": "auto" if tools else "none"})
        finished = []
        for completion in process.complete_all(frames):
            assert completion.failed is None, completion.failed
            assert completion.finish is not None
            finished.append(completion.finish["reason"])
            if completion.finish["reason"] == "stop":
                check(completion)
        assert finished.count("length") < len(frames) / 2
        assert {"stop", "tool_calls"} <= set(finished)


@pytest.mark.parametrize("choice", ["required", {"name": "look_up"}])
def test_a_call_that_has_to_come_comes_and_follows_its_schema(worker: WorkerProcess, choice: object) -> None:
    for seed in range(4):
        frame = generate_frame(worker.new_id(), chat(tools=[TOOL]), max_tokens=600, sampling={"seed": seed})
        calls, reason = collect_calls(worker, {**frame, "tool_choice": choice, "parallel_tool_calls": False})
        assert reason == "tool_calls"
        assert list(calls) == [0]
        assert calls[0]["name"] == "look_up"
        assert json.loads(calls[0]["arguments"])["city"] in ("Paris", "Rome")


@pytest.mark.parametrize("choice", ["required", {"name": "look_up"}])
@pytest.mark.parametrize("max_tokens", [1, 3, 10, 20, 40])
def test_a_call_that_has_to_come_and_is_cut_is_no_text(worker: WorkerProcess, choice: object, max_tokens: int) -> None:
    frame = generate_frame(worker.new_id(), chat(tools=[TOOL]), max_tokens=max_tokens, sampling={"seed": 3})
    (completion,) = worker.complete_all([{**frame, "tool_choice": choice}])
    assert completion.finish is not None
    assert (completion.text, completion.finish["reason"]) == ("", "length")


def test_parameters_that_cannot_be_enforced_are_named(worker: WorkerProcess) -> None:
    function = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"not": {}}}}}
    tools = [TOOL, {"type": "function", "function": function}]
    (completion,) = worker.complete_all(
        [{**generate_frame(worker.new_id(), chat(tools=tools), max_tokens=5), "tool_choice": "required"}]
    )
    assert completion.failed is not None
    assert (completion.failed["kind"], completion.failed["param"]) == ("invalid", "tools.1.function.parameters")
    assert "not cannot be enforced" in completion.failed["message"]


def test_a_bad_schema_fails_alone_and_names_itself(worker: WorkerProcess) -> None:
    frame = generate_frame(worker.new_id(), chat(), max_tokens=5)
    bad = {**frame, "constraint": {"kind": "json_schema", "schema": {"type": "banana"}}}
    good = generate_frame(worker.new_id(), "zebra", max_tokens=5)
    refused, served = worker.complete_all([bad, good])
    assert refused.failed is not None
    assert (refused.failed["kind"], refused.failed["param"]) == ("invalid", "response_format")
    assert served.finish is not None


def test_the_vocabulary_is_indexed_before_the_first_request(tiny_text: Path) -> None:
    """Indexing holds every Python thread up, which running streams would notice."""
    model = TextModel.load(str(tiny_text), None)
    assert "_vocabulary" in vars(model.grammars)
    assert "indexing" not in {thread.name for thread in threading.enumerate()}


def test_a_model_that_cannot_be_constrained_serves_what_is_free(tiny_text: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_text, tmp_path / "model")
    for name, end in (("config.json", "eos_token_id"), ("tokenizer_config.json", "eos_token")):
        fields = json.loads((folder / name).read_text())
        del fields[end]
        (folder / name).write_text(json.dumps(fields))
    with WorkerProcess.loaded(folder) as process:
        free = generate_frame(process.new_id(), "zebra", max_tokens=5)
        bound = {**generate_frame(process.new_id(), chat(), max_tokens=5), "constraint": CONSTRAINT}
        served, refused = process.complete_all([free, bound])
        assert served.finish is not None
        assert refused.failed is not None
        assert refused.failed["param"] == "response_format"
        assert "no token ends a sequence" in refused.failed["message"]


def test_nothing_is_left_behind_by_a_worker_that_tried_schemas(tiny_text: Path) -> None:
    with WorkerProcess.loaded(tiny_text) as process:
        frame = generate_frame(process.new_id(), chat(), max_tokens=200, sampling={"seed": 1})
        check(process.complete_all([{**frame, "constraint": CONSTRAINT}])[0])
        group = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children")
        children = group.read_text().split() if group.exists() else []
        process.close_stdin()
        process.wait_exit(10)
    for child in children:
        status = Path(f"/proc/{child}/stat")
        for _ in range(200):
            if not status.exists() or ") Z " in status.read_text():
                break
            process_wait()
        assert not status.exists() or ") Z " in status.read_text()


def process_wait() -> None:
    """Give a process a moment to end."""
    import time

    time.sleep(0.05)
