"""The worker's side of the process that decodes: started when needed, ended when not, replaced when lost.

It ends with the worker, however that one ends: its input does, and its watchdog sees that it has another parent.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from ..child_process import end_process, killed_at
from ..wire.frames import MediaSettings
from .limits import MEMORY_EXIT_CODE, Limits, memory_bytes
from .refusal import RefusalError, RefusalKind

PACKAGE_ROOT = Path(__file__).parents[2]

COMMAND = (sys.executable, "-P", "-s", "-W", "ignore", "-m", f"{__package__}.process")

MAX_HEADER_BYTES = 4096

MAX_PAGE_COUNT = 1 << 31
"""PDFium counts pages in 32 bits."""

KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPYCACHEPREFIX")
"""What an interpreter may need to start. The worker's others are nothing to a process that reads files of strangers."""


class UnavailableError(Exception):
    """The process could not be started, which says nothing about the file."""


class EndedError(Exception):
    """The process ended over a file. The message completes "The image … "."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`fields` of the line, and the RGB that came with it."""

    fields: dict[str, Any]
    rgb: bytes


READY = Answer({"ready": True}, b"")

BEGUN = Answer({"begun": True}, b"")
"""Comes before every other: from then on the file may be what ends the process."""


class SideProcess:
    """Called by any thread, one at a time."""

    def __init__(self, settings: MediaSettings, limits: Limits, command: Sequence[str] = COMMAND) -> None:
        """Take note; nothing is started."""
        self._command = command
        self._limits = limits
        self._max_side = settings.max_side
        self._first_line = _line(
            {
                "spool": settings.spool_path,
                "max_pixels": settings.max_pixels,
                "memory_bytes": memory_bytes(settings.max_pixels),
                "cpu_seconds": limits.cpu_seconds,
            }
        )
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: threading.Timer | None = None

    def ask(self, request: dict[str, Any], deadline: float) -> Answer:
        """The answer to one request, until this time of the monotonic clock.

        Raises RefusalError, EndedError and UnavailableError.
        """
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                return self._exchange(request, deadline)
            finally:
                self._idle = threading.Timer(self._limits.idle_seconds, self._close_idle)
                self._idle.daemon = True
                self._idle.start()

    def _close_idle(self) -> None:
        with self._lock:
            self._end()

    def _exchange(self, request: dict[str, Any], deadline: float) -> Answer:
        line = _line(request)
        for _ in range(2):
            process = self._running()
            with killed_at(process, deadline) as overdue:
                has_begun = _sent(process, line) and _read_answer(process, self._max_side) == BEGUN
                answer = _read_answer(process, self._max_side) if has_begun else None
            if overdue.is_set():
                self._end()
                raise EndedError("takes too long to decode")
            if answer is not None and answer.fields.get("error") in get_args(RefusalKind):
                raise _refusal(answer.fields)
            if answer is not None and _is_to(answer, request["task"]):
                return answer
            if has_begun:
                self._raise_end(process)
            # It was lost while it was idle, which no file is to blame for.
            self._end()
        raise UnavailableError("it takes no requests")

    def _raise_end(self, process: subprocess.Popen[bytes]) -> NoReturn:
        process.kill()
        code = process.wait()
        self._end()
        if code == -signal.SIGPROF:
            raise EndedError("takes too long to decode")
        if code == MEMORY_EXIT_CODE:
            raise EndedError("takes too much memory to decode")
        raise EndedError("could not be decoded: it ended the decoder")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        try:
            return self._started()
        except UnavailableError:
            self._end()
            return self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        try:
            self._process = process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**kept, "PYTHONPATH": str(PACKAGE_ROOT)},
            )
        except OSError as error:
            raise UnavailableError(str(error)) from error
        with killed_at(process, time.monotonic() + self._limits.start_seconds) as overdue:
            is_ready = _sent(process, self._first_line) and _read_answer(process, self._max_side) == READY
        if not is_ready or overdue.is_set():
            raise UnavailableError("it did not become ready")
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_process(process)


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _sent(process: subprocess.Popen[bytes], line: bytes) -> bool:
    """Whether the process could be given this line."""
    assert process.stdin is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except OSError:
        return False
    return True


def _read_answer(process: subprocess.Popen[bytes], max_side: int) -> Answer | None:
    """An answer, or None when the process ended or wrote another thing: a file may have taken it over."""
    assert process.stdout is not None
    line = process.stdout.readline(MAX_HEADER_BYTES)
    try:
        fields = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    if "width" not in fields:
        return Answer(fields, b"")
    width, height = fields["width"], fields.get("height")
    if not (type(width) is type(height) is int and 0 < width <= max_side and 0 < height <= max_side):
        return None
    rgb = process.stdout.read(3 * width * height)
    return Answer(fields, rgb) if len(rgb) == 3 * width * height else None


def _is_to(answer: Answer, task: str) -> bool:
    """Whether an answer is one to this task."""
    if task == "count":
        count = answer.fields.get("count")
        return type(count) is int and 0 <= count < MAX_PAGE_COUNT
    return bool(answer.rgb)


def _refusal(fields: dict[str, Any]) -> RefusalError:
    return RefusalError(str(fields.get("message")), fields["error"])
