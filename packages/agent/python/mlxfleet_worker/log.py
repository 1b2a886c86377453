"""Short lines on stderr, which the agent keeps in the worker's log file. Never prompt or completion text."""

import contextlib
import sys
import time
import traceback


def log(message: str) -> None:
    """Write one line with a UTC time stamp. A log that cannot be written never stops the work."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError, ValueError):
        print(f"{stamp} {message}", file=sys.stderr, flush=True)


def log_exception(what: str) -> None:
    """Write `what` and the traceback of the exception being handled."""
    log(f"{what}\n{traceback.format_exc().rstrip()}")
