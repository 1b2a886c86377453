"""How a worker begins and ends. Above all: it never outlives the agent."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from waiting import is_running
from worker_process import SOURCE, WorkerProcess, generate_frame

PROMPT_SOON = 2.0
"""Seconds within which an ending must be over, on a busy machine too."""


def keep_busy(worker: WorkerProcess) -> None:
    """Give it prefills that take many seconds."""
    worker.send(*(generate_frame(f"long-{index}", [5] * 8000) for index in range(8)))
    worker.read_until(lambda frame: frame["type"] == "started")


def test_says_what_it_is_and_what_it_has_loaded(tiny_text: Path) -> None:
    worker = WorkerProcess()
    try:
        ready = worker.read()
        assert ready["type"] == "ready"
        assert ready["protocol_version"] == 1
        assert ready["pid"] == worker.process.pid
        assert {"mlx", "mlx-lm"} <= set(ready["versions"])
        assert ready["device"] in {"cpu", "gpu"}
        pong = worker.ping()
        assert (pong["running"], pong["waiting"]) == (0, 0)

        worker.send_load(tiny_text, context_length=100_000)
        # Requests may follow at once: they wait for the model.
        worker.send(generate_frame("early", "zebra", max_tokens=3))
        loaded = worker.read()
        assert loaded["type"] == "loaded"
        assert loaded["context_length"] == 8192
        assert loaded["memory_bytes"] > 300_000
        assert loaded["has_chat_template"] is True
        assert worker.collect(["early"])["early"].finish is not None
        pong = worker.ping()
        assert pong["active_memory_bytes"] > 300_000
        assert pong["peak_memory_bytes"] >= pong["active_memory_bytes"]
    finally:
        worker.kill()


def test_a_model_that_is_not_there() -> None:
    with WorkerProcess.started() as worker:
        # Nothing is ever downloaded by a worker.
        worker.send_load("mlx-community/some-model")
        failed = worker.read()
        assert failed["type"] == "load_failed"
        assert "mlx-community/some-model" in failed["message"]
        assert worker.wait_exit(PROMPT_SOON) == 1


def test_a_load_frame_that_is_not_valid() -> None:
    with WorkerProcess.started() as worker:
        worker.send({"type": "load", "path": 5})
        assert worker.read()["type"] == "load_failed"
        assert worker.wait_exit(PROMPT_SOON) == 1


def test_ends_with_stdin_before_it_is_ready() -> None:
    worker = WorkerProcess()
    try:
        time.sleep(0.3)
        worker.close_stdin()
        assert worker.wait_exit(PROMPT_SOON) == 0
    finally:
        worker.kill()


def test_ends_with_stdin_during_a_long_prefill_and_answers_pings_until_then(tiny_text: Path) -> None:
    with WorkerProcess.loaded(tiny_text) as worker:
        keep_busy(worker)
        asked = time.monotonic()
        pong = worker.ping(PROMPT_SOON)
        assert time.monotonic() - asked < PROMPT_SOON
        assert pong["running"] + pong["waiting"] == 8
        worker.close_stdin()
        assert worker.wait_exit(PROMPT_SOON) == 0
        assert "stdin ended" in worker.stderr()


def test_sigterm_ends_it_and_sigint_does_not(tiny_text: Path) -> None:
    with WorkerProcess.loaded(tiny_text) as worker:
        worker.process.send_signal(signal.SIGINT)
        assert worker.complete("zebra", max_tokens=3).finish is not None
        keep_busy(worker)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.wait_exit(PROMPT_SOON) == 0


def test_a_broken_reply_pipe_ends_it(tiny_text: Path) -> None:
    with WorkerProcess.loaded(tiny_text) as worker:
        worker.close_replies()
        worker.send(generate_frame("unread", "zebra"))
        assert worker.wait_exit(PROMPT_SOON) == 1


def test_ends_with_stdin_while_nobody_reads_its_replies(tiny_text: Path) -> None:
    with WorkerProcess.loaded(tiny_text) as worker:
        endless = {"temperature": 0, "logit_bias": {"2": -100}}
        frames = [generate_frame(f"unread-{index}", "zebra", max_tokens=2000, sampling=endless) for index in range(8)]
        worker.send(*frames)
        # Once nothing more comes, the pipe is full and the engine is blocked in a write.
        pending = -1
        while pending != (pending := worker.pending_bytes()) or pending == 0:
            time.sleep(0.1)
        worker.close_stdin()
        assert worker.wait_exit(PROMPT_SOON) == 0


def test_needs_its_reply_pipe() -> None:
    command = [sys.executable, "-m", "mlxfleet_worker"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(SOURCE)}, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "started by the agent" in done.stderr


PARENT = """
import json, os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from worker_process import WorkerProcess, generate_frame
from pathlib import Path
worker = WorkerProcess()
worker.read()
worker.send_load(Path(sys.argv[2]))
worker.read()
worker.send(*(generate_frame(f"long-{index}", [5] * 8000) for index in range(8)))
worker.read()
print(worker.process.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_parent_leaves_no_worker(tiny_text: Path) -> None:
    tests = str(Path(__file__).parent)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tests, str(tiny_text)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + PROMPT_SOON
    while is_running(pid):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a running process")
@pytest.mark.parametrize("spare_bytes", [0, 1 << 20, 16 << 20])
def test_without_memory_it_answers_or_ends(tiny_text: Path, spare_bytes: int) -> None:
    with WorkerProcess.loaded(tiny_text) as worker:
        # All threads are up.
        worker.complete("zebra", max_tokens=2)
        pid = worker.process.pid
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + spare_bytes
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        frames = [generate_frame(f"long-{index}", [5 + index] * 4000, max_tokens=3) for index in range(6)]
        # What neither answers nor ends would have to be found out by the agent, which takes its time.
        try:
            worker.send(*frames)
            worker.collect([frame["id"] for frame in frames], timeout=45)
        except (BrokenPipeError, EOFError):
            assert worker.wait_exit(5) != 0
