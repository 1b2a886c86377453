"""The folder of the disk tier: who may write in it, and each thing that is done to its files. Raises OSError."""

import fcntl
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .segment import Segment
from .segment_file import BadFileError, Entry, encode, file_name, read_entry, read_segment

FILE_NAME = re.compile(r"prefix-[0-9a-f]{40}\.safetensors")
"""Nothing else is ever read or removed: whoever names a wrong folder loses nothing."""
TEMPORARY_NAME = re.compile(r"prefix-[0-9]+\.tmp")


@dataclass(frozen=True, slots=True)
class Reserve:
    """Space that is left to others: the larger of a part of the disk and a number of bytes."""

    fraction: float = 0.10
    least_bytes: int = 5_000_000_000

    def writable(self, folder: Path) -> int:
        """Bytes that may be written to the disk of this folder; below zero when there is less than the reserve."""
        disk = os.statvfs(folder)
        reserve = max(int(disk.f_blocks * disk.f_frsize * self.fraction), self.least_bytes)
        return disk.f_bavail * disk.f_frsize - reserve


class DiskFolder:
    """Files of one model's segments, for their owner alone, since prompts are private.

    One process at a time owns the folder: the one that holds its lock, which the system takes back when a process ends
    in any way. Only the owner writes and removes.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self._fingerprint = fingerprint
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._lock_file = os.open(path / "lock", flags, 0o600)
        self.is_owned = False

    def own(self) -> bool:
        """Become the owner if nobody else is."""
        with suppress(BlockingIOError):
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_owned = True
        return self.is_owned

    def close(self) -> None:
        """Let another process be the owner."""
        os.close(self._lock_file)
        self.is_owned = False

    def entries(self) -> list[Entry]:
        """What is there, the oldest first. The owner removes what is torn, unfinished or of another model."""
        found: list[tuple[int, Entry]] = []
        with os.scandir(self.path) as files:
            for file in files:
                path = Path(file.path)
                if FILE_NAME.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                    found.extend(self._read_head(path))
                elif self.is_owned and TEMPORARY_NAME.fullmatch(file.name):
                    path.unlink(missing_ok=True)
        return in_order_of_use(found)

    def read(self, key: bytes) -> Segment:
        """A whole segment. Raises BadFileError too."""
        return read_segment(self._file(key), self._fingerprint)

    def parts(self, segment: Segment) -> list[bytes | memoryview]:
        """A segment's file as it is written, in parts."""
        return encode(segment, self._fingerprint)

    def write(self, key: bytes, parts: list[bytes | memoryview]) -> None:
        """Write a file so that it is there as a whole or not at all."""
        temporary = self.path / f"prefix-{os.getpid()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._file(key))
        except Exception:
            with suppress(OSError):
                temporary.unlink()
            raise

    def remove(self, key: bytes) -> None:
        """Remove a file, if this process owns the folder."""
        if self.is_owned:
            self._file(key).unlink(missing_ok=True)

    def save_order(self, keys: list[bytes]) -> None:
        """Give files times of change in this order, for the next start."""
        now = time.time_ns()
        for place, key in enumerate(keys if self.is_owned else ()):
            with suppress(FileNotFoundError):
                os.utime(self._file(key), ns=(now + place, now + place))

    def _read_head(self, path: Path) -> list[tuple[int, Entry]]:
        try:
            return [(path.stat().st_mtime_ns, read_entry(path, self._fingerprint))]
        except FileNotFoundError:
            return []
        except BadFileError:
            if self.is_owned:
                path.unlink(missing_ok=True)
            return []

    def _file(self, key: bytes) -> Path:
        return self.path / file_name(key)


def in_order_of_use(found: list[tuple[int, Entry]]) -> list[Entry]:
    """Entries with their times of change, the oldest first.

    What comes before an entry is as new as the entry: without its beginning a sequence is of no use.
    """
    times = {entry.key: time for time, entry in found}
    for _, entry in sorted(found, key=lambda each: each[1].start, reverse=True):
        if entry.anchor in times:
            times[entry.anchor] = max(times[entry.anchor], times[entry.key])
    return [entry for _, entry in sorted(found, key=lambda each: (times[each[1].key], -each[1].start))]
