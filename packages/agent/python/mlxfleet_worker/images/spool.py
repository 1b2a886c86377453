"""Opening a request's file: a regular file in the spool folder, and nothing else on the machine."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from .refusal import RefusalError


def open_in_spool(spool: str, path: str) -> BinaryIO:
    """Open the file for reading. Raises RefusalError(internal): the agent writes these paths, no client does."""
    try:
        folder = os.path.realpath(Path(path).parent)
        root = os.path.realpath(spool)
        if os.path.commonpath([root, folder]) != root:
            raise RefusalError("A file of the request is outside of the spool folder.", "internal")
        # Non-blocking, since opening a FIFO waits for its writer.
        descriptor = os.open(Path(folder, Path(path).name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise RefusalError(f"A file of the request cannot be opened ({type(error).__name__}).", "internal") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RefusalError("A file of the request is not a regular file.", "internal")
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor has no path
