"""Ends the side process when nobody waits for it any more, or when it takes too much memory."""

import os
import resource
import sys
import threading
import time

from .limits import MEMORY_EXIT_CODE

INTERVAL_SECONDS = 0.1


def start_watchdog(memory_bytes: int) -> None:
    """Watch from a thread: that the parent lives, and that no more than so many bytes are taken beyond the present.

    Linux refuses memory by its own limit (RLIMIT_AS), and macOS enforces none: there this is the only one, and a file
    that takes memory faster than the thread looks gets a few hundred MB more.
    """
    limit = _peak_bytes() + memory_bytes
    threading.Thread(target=_watch, args=(os.getppid(), limit), daemon=True).start()


def _watch(parent: int, limit: int) -> None:
    while os.getppid() == parent:
        if _peak_bytes() > limit:
            os._exit(MEMORY_EXIT_CODE)
        time.sleep(INTERVAL_SECONDS)
    os._exit(0)


def _peak_bytes() -> int:
    """The most memory that the process has had at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
