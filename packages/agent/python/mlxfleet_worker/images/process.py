"""The process that decodes files of clients, and may be lost in doing so.

Reads a line of settings and says that it is ready; then answers each line with one that says that it has begun, and one
with what came of it: of an image or a page its size, with its RGB behind the line. Ends with its input. It writes no
file, and opens those of the spool folder and fonts only.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from .document import Document
from .limits import MEMORY_EXIT_CODE
from .picture import decode_image
from .refusal import RefusalError
from .spool import open_in_spool
from .watchdog import start_watchdog

MAX_OPEN_FILES = 64
"""Pipes, one file, and fonts."""


class Process:
    """Answers requests. A document stays open for its next pages, until another file comes."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._spool: str = settings["spool"]
        self._max_pixels: int = settings["max_pixels"]
        self._document: tuple[str, Document] | None = None

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The line, and what follows it."""
        try:
            return self._done(request)
        except RefusalError as error:
            return {"error": error.kind, "message": error.message}, b""

    def _done(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if request["task"] == "image":
            self._close()
            with open_in_spool(self._spool, request["path"]) as file:
                image = decode_image(file, request["side"], self._max_pixels)
            return {"width": image.width, "height": image.height}, image.tobytes()
        document = self._opened(request["path"], request["document"])
        if request["task"] == "count":
            return {"count": document.page_count}, b""
        width, height, rgb = document.draw(request["page"], request["dpi"], request["side"], self._max_pixels)
        return {"width": width, "height": height}, rgb

    def _opened(self, path: str, key: str) -> Document:
        if self._document is not None and self._document[0] == key:
            return self._document[1]
        self._close()
        with open_in_spool(self._spool, path) as file:
            document = Document(file)
        self._document = (key, document)
        return document

    def _close(self) -> None:
        if self._document is not None:
            self._document[1].close()
            self._document = None


def main() -> None:
    """Answer until the input ends."""
    answers = _private_stdout()
    settings = json.loads(sys.stdin.buffer.readline())
    start_watchdog(settings["memory_bytes"])
    _limit(settings["memory_bytes"])
    process = Process(settings)
    _write(answers, {"ready": True}, b"")
    for line in sys.stdin.buffer:
        # Without a handler SIGPROF ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_PROF, settings["cpu_seconds"])
        _write(answers, {"begun": True}, b"")
        try:
            header, rgb = process.answer(json.loads(line))
        except MemoryError:
            # What is left would not do for the next image either.
            os._exit(MEMORY_EXIT_CODE)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(answers, header, rgb)


def _private_stdout() -> BinaryIO:
    """Standard output for the answers alone: what a codec prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
    return answers


def _write(answers: BinaryIO, header: dict[str, Any], rgb: bytes) -> None:
    answers.write(json.dumps(header).encode() + b"\n")
    answers.write(rgb)
    answers.flush()


def _limit(memory_bytes: int) -> None:
    # Where Linux runs out of memory and has to end a process, this is the one.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    # Only Linux tells its size there, and only Linux enforces the limit.
    with contextlib.suppress(OSError, ValueError):
        limit = (
            int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize() + memory_bytes
        )
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
