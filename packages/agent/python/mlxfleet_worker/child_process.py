"""Ends of the processes that do for the worker what might end it."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def killed_at(process: subprocess.Popen[Any], deadline: float) -> Iterator[threading.Event]:
    """Kill the process at this time of the monotonic clock, which sets the event."""
    overdue = threading.Event()

    def give_up() -> None:
        overdue.set()
        process.kill()

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), give_up)
    timer.daemon = True
    timer.start()
    try:
        yield overdue
    finally:
        timer.cancel()
        # A kill that has begun must not hit the next request.
        timer.join()


def end_process(process: subprocess.Popen[Any]) -> None:
    """Kill the process, whatever it is doing, and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        # What could not be written is written again when it closes.
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
