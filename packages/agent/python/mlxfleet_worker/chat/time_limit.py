"""A limit on the time that Python code of strangers may take, such as a chat template."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class TimeLimitError(Exception):
    """The code took too long."""


@contextmanager
def time_limit(seconds: float, file_name: str) -> Iterator[None]:
    """Raise TimeLimitError in the code of the file with this name once the block has taken `seconds` of the processor.

    Waiting does not count: a host that swaps, or has other things to do, says nothing about the code. Uses this
    thread's trace function, which sees every line of that code and only the calls of all other. A debugger or a
    coverage tool that is there already is left alone, and nothing is limited.
    """
    if sys.gettrace() is not None:
        yield
        return
    begun = time.thread_time()
    # The processor's time costs a system call, so a clock without one tells first when the limit can have been reached.
    not_before = time.monotonic() + seconds

    def trace_line(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal not_before
        if time.monotonic() > not_before:
            left = begun + seconds - time.thread_time()
            if left <= 0:
                raise TimeLimitError
            not_before = time.monotonic() + left
        return trace_line

    def trace_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return trace_line if frame.f_code.co_filename == file_name else None

    sys.settrace(trace_call)
    try:
        yield
    finally:
        sys.settrace(None)
