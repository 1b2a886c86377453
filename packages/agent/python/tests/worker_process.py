"""A real worker process over real pipes, driven as the agent drives it."""

import array
import fcntl
import json
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent
GREEDY = {"temperature": 0}

Frame = dict[str, Any]


@dataclass
class Completion:
    """What a worker answered to one request."""

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)
    finish: Frame | None = None
    started: Frame | None = None
    failed: Frame | None = None


MOVE_DESCRIPTOR = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
"""Becomes the program named, with the descriptor named as its descriptor 3."""


def worker_command(reply_descriptor: int) -> list[str]:
    """The command line that starts a worker which replies on the given descriptor."""
    worker = [sys.executable, "-u", "-m", "mlxfleet_worker"]
    return [sys.executable, "-S", "-c", MOVE_DESCRIPTOR, str(reply_descriptor), *worker]


def generate_frame(
    id: str,
    prompt: str | list[int] | Frame,
    *,
    max_tokens: int | None = 32,
    sampling: Frame | None = None,
    stop: Iterable[str] = (),
) -> Frame:
    """A generate frame: a text is one user message, a list is token ids, anything else the prompt itself."""
    if isinstance(prompt, str):
        prompt = {"kind": "chat", "messages": [{"role": "user", "content": prompt}]}
    elif isinstance(prompt, list):
        prompt = {"kind": "tokens", "tokens": prompt}
    return {
        "type": "generate",
        "id": id,
        "prompt": prompt,
        "max_tokens": max_tokens,
        "sampling": GREEDY if sampling is None else sampling,
        "stop": list(stop),
    }


class WorkerProcess:
    """Sends frames and reads replies; every wait has a limit."""

    def __init__(self) -> None:
        self._replies, reply_writer = os.pipe()
        self.process = subprocess.Popen(
            worker_command(reply_writer),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(reply_writer,),
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            cwd="/",
        )
        os.close(reply_writer)
        self._buffer = b""
        self._names = 0

    @staticmethod
    @contextmanager
    def started() -> "Iterator[WorkerProcess]":
        """A worker without a model, after its `ready` frame."""
        worker = WorkerProcess()
        try:
            assert worker.read()["type"] == "ready"
            yield worker
        finally:
            worker.kill()

    @staticmethod
    @contextmanager
    def loaded(path: Path, **options: Any) -> "Iterator[WorkerProcess]":
        """A worker with a model."""
        with WorkerProcess.started() as worker:
            worker.send_load(path, **options)
            assert worker.read(60)["type"] == "loaded"
            yield worker

    def send(self, *frames: Frame) -> None:
        """Write frames in one go."""
        self.send_bytes(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))

    def send_bytes(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send_load(self, path: Path | str, **options: Any) -> None:
        """Ask for a model."""
        frame = {"type": "load", "path": str(path), "context_length": None, "memory_limit_bytes": None}
        self.send({**frame, "max_batch_size": 32, **options})

    def read(self, timeout: float = 30.0) -> Frame:
        """The next frame. Raises TimeoutError, or EOFError when the worker has closed the pipe."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._replies], [], [], left)[0]:
                raise TimeoutError(f"no frame within {timeout} s")
            data = os.read(self._replies, 1 << 16)
            if not data:
                raise EOFError("the worker closed its replies")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def read_until(self, wanted: Callable[[Frame], bool], timeout: float = 30.0) -> list[Frame]:
        """Read frames up to the first wanted one; the wanted one is the last."""
        frames = []
        deadline = time.monotonic() + timeout
        while not frames or not wanted(frames[-1]):
            frames.append(self.read(max(deadline - time.monotonic(), 0.001)))
        return frames

    def collect(self, ids: Iterable[str], timeout: float = 60.0) -> dict[str, Completion]:
        """Read until each of these requests is over. Frames of other requests are an error."""
        completions = {id: Completion() for id in ids}
        open_ids = set(completions)
        deadline = time.monotonic() + timeout
        while open_ids:
            frame = self.read(max(deadline - time.monotonic(), 0.001))
            match frame["type"]:
                case "step":
                    for output in frame["outputs"]:
                        completion = completions[output["id"]]
                        assert completion.started is not None, "output before started"
                        assert output["id"] in open_ids, "output after the end"
                        completion.text += output["text"]
                        completion.chunks.append(output["text"])
                        completion.tokens += output["tokens"]
                        if "finish" in output:
                            completion.finish = output["finish"]
                            open_ids.remove(output["id"])
                case "started":
                    completions[frame["id"]].started = frame
                case "failed":
                    completions[frame["id"]].failed = frame
                    open_ids.remove(frame["id"])
                case other:
                    raise AssertionError(f"unexpected frame {other}")
        return completions

    def complete(self, prompt: str | list[int] | Frame, **options: Any) -> Completion:
        """One request from beginning to end."""
        return self.complete_all([generate_frame(self.new_id(), prompt, **options)])[0]

    def complete_all(self, frames: list[Frame]) -> list[Completion]:
        """Several requests at once, answers in the order of the frames."""
        self.send(*frames)
        completions = self.collect(frame["id"] for frame in frames)
        return [completions[frame["id"]] for frame in frames]

    def new_id(self) -> str:
        """An id that this worker has not seen."""
        self._names += 1
        return f"request-{self._names}"

    def ping(self, timeout: float = 5.0) -> Frame:
        """The counters; other frames on the way are dropped."""
        self._names += 1
        nonce = self._names
        self.send({"type": "ping", "nonce": nonce})
        return self.read_until(lambda frame: frame.get("nonce") == nonce, timeout)[-1]

    def pending_bytes(self) -> int:
        """How much of its replies nobody has read yet."""
        count = array.array("i", [0])
        fcntl.ioctl(self._replies, termios.FIONREAD, count)
        return count[0]

    def wait_exit(self, timeout: float) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        return self.process.wait(timeout)

    def close_stdin(self) -> None:
        """Let the worker see the end of its requests."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def close_replies(self) -> None:
        """Break the reply pipe."""
        os.close(self._replies)
        self._replies = -1

    def stderr(self) -> str:
        """Everything that it logged, after it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def kill(self) -> None:
        """End it whatever it does, and free its pipes."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        if self._replies >= 0:
            os.close(self._replies)
