"""Ends the side process when nobody waits for it any more, or when it takes too much memory."""

import os
import resource
import sys
import threading
import time
from pathlib import Path

from .limits import MEMORY_EXIT_CODE

INTERVAL_SECONDS = 0.1


def start_watchdog(memory_bytes: int) -> None:
    """Watch from a thread: that the parent lives, and that no more than so many bytes are taken beyond the present.

    Linux refuses memory by its own limit (RLIMIT_AS), and macOS enforces none: there this is the only one, and a file
    that takes memory faster than the thread looks gets a few hundred MB more.
    """
    limit = _resident_bytes() + memory_bytes
    threading.Thread(target=_watch, args=(os.getppid(), limit), daemon=True).start()


def _watch(parent: int, limit: int) -> None:
    try:
        while os.getppid() == parent:
            if _resident_bytes() > limit:
                os._exit(MEMORY_EXIT_CODE)
            time.sleep(INTERVAL_SECONDS)
    except MemoryError:
        # A thread that is lost would watch nothing.
        os._exit(MEMORY_EXIT_CODE)
    os._exit(0)


def _resident_bytes() -> int:
    """What this program has in memory: now on Linux, the most so far on macOS.

    `ru_maxrss` is right on macOS only: it is that of the Mach task (XNU, bsd/kern/kern_resource.c, calcru), and each
    program has its own. Linux hands it on through exec, so that it begins with the gigabytes of the worker's model.
    """
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return pages * resource.getpagesize()
