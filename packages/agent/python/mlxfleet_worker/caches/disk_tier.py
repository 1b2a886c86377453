"""Prefixes on disk, for the time after an unload or a restart. Nothing that goes wrong here ever fails a request."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..log import log
from .disk_folder import DiskFolder, Reserve
from .disk_index import DiskIndex, Plan
from .nodes import Tokens
from .segment import Segment
from .segment_file import BadFileError, Entry

MAX_QUEUED_BYTES = 256 << 20
MAX_FILES = 20_000
"""Reading the heads of so many takes some seconds at a start."""
FIRST_READ_RATE = 1e9
"""Bytes a second that reading is taken to give before it was measured."""


class DiskTier:
    """A bounded folder of segments of one model, read by the engine thread and written by a thread of its own.

    Any error turns the tier off until the next start, with a line in the log. While the disk has less free space than
    the reserve, nothing is written.
    """

    def __init__(self, path: str | Path, max_bytes: int, fingerprint: str, *, reserve: Reserve | None = None) -> None:
        self._max_bytes = max_bytes
        self._reserve = reserve or Reserve()
        self._index = DiskIndex()
        self._mutex = threading.Lock()
        self._touched: set[bytes] = set()
        self._queue: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        """Bytes that were offered and are not written yet."""
        self._writer: threading.Thread | None = None
        self._is_short_of_space = False
        self._read_rate = FIRST_READ_RATE
        self._folder: DiskFolder | None = None
        """None once the tier is off."""
        if max_bytes:
            with self._turned_off_by_errors("opened"):
                self._folder = DiskFolder(Path(path), fingerprint)
                self._folder.own()
                self._read_folder(self._folder)

    @property
    def size(self) -> int:
        """Bytes of all files. Safe from any thread."""
        return self._index.size

    @property
    def is_on(self) -> bool:
        """False once it was turned off, by an error or by `close`."""
        return self._folder is not None

    @property
    def has_room(self) -> bool:
        """Whether a segment that is offered now would be taken."""
        return self.is_on and self._queued_bytes < MAX_QUEUED_BYTES

    def plan(self, chain: list[bytes], tokens: Tokens, known: int, *, window: int, needs_state: bool) -> Plan | None:
        """What of a sequence can be read: DiskIndex.plan."""
        if not self.is_on:
            return None
        with self._mutex:
            return self._index.plan(chain, tokens, known, window=window, needs_state=needs_state)

    def seconds_to_read(self, size: int) -> float:
        """How long so many bytes take, by the reads so far."""
        return size / self._read_rate

    def has(self, key: bytes, *, window_start: int | None, has_state: bool) -> bool:
        """Whether there is a file that has all this."""
        with self._mutex:
            entry = self._index.get(key)
        return entry is not None and entry.covers(window_start=window_start, has_state=has_state)

    def read(self, entry: Entry) -> Segment | None:
        """The segment, verified; None, and never again, when it has gone or is not what it should be."""
        folder = self._folder
        if folder is None:
            return None
        begun = time.perf_counter()
        with self._turned_off_by_errors("read"):
            try:
                segment = folder.read(entry.key)
            except FileNotFoundError:
                self._forget(entry.key)
                return None
            except BadFileError as error:
                self.discard(entry, str(error))
                return None
            rate = entry.size / max(time.perf_counter() - begun, 1e-9)
            self._read_rate += (rate - self._read_rate) / 4
            return segment
        return None

    def discard(self, entry: Entry, why: str) -> None:
        """Remove a file that cannot be used."""
        log(f"prefix cache: a file on disk is removed: {why}")
        self._forget(entry.key)
        with self._turned_off_by_errors("cleaned"):
            if self._folder is not None:
                self._folder.remove(entry.key)

    def touch(self, keys: list[bytes]) -> list[bytes]:
        """Use files, given from the beginning of a sequence on; returns the keys that have none."""
        with self._mutex:
            missing = [key for key in reversed(keys) if not self._index.touch(key)]
            self._touched.update(keys)
        return missing

    def offer(self, segment: Segment) -> bool:
        """Have a segment written soon; false when there is too much to write already."""
        if not self.has_room:
            return False
        with self._mutex:
            self._queued_bytes += _size(segment)
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_for_ever, name="prefix-writer", daemon=True)
            self._writer.start()
        self._queue.put(segment)
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Write what is queued, for at most so many seconds, and let another process have the folder."""
        folder = self._folder
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join(seconds)
            if self._writer.is_alive():
                # The lock stays held until the process ends: this one may still write.
                self._folder = None
                return
        if folder is None:
            return
        with self._turned_off_by_errors("closed"):
            folder.save_order([key for key in self._index.keys_in_order() if key in self._touched])
            folder.close()
        self._folder = None

    def _read_folder(self, folder: DiskFolder) -> None:
        index = DiskIndex()
        for entry in folder.entries():
            index.add(entry)
        with self._mutex:
            self._index = index
        if folder.is_owned:
            self._make_room(folder, 0)

    def _write_for_ever(self) -> None:
        while (segment := self._queue.get()) is not None:
            folder = self._folder
            try:
                if folder is not None:
                    with self._turned_off_by_errors("written"):
                        self._write(folder, segment)
            finally:
                with self._mutex:
                    self._queued_bytes -= _size(segment)

    def _write(self, folder: DiskFolder, segment: Segment) -> None:
        if not folder.is_owned:
            if not folder.own():
                return
            self._read_folder(folder)
        key, has_state = segment.key, segment.state is not None
        if self.has(key, window_start=segment.window_start, has_state=has_state):
            return
        parts = folder.parts(segment)
        size = sum(map(len, parts))
        if not self._is_space_for(folder, size) or not self._make_room(folder, size):
            return
        folder.write(key, parts)
        entry = Entry(key, segment.anchor, segment.start, segment.end, segment.window_start, has_state, size)
        with self._mutex:
            shorter = [each for each in self._index.tails(entry.anchor, segment.tokens) if entry.replaces(each)]
            self._index.add(entry)
        for each in shorter:
            self._forget(each.key)
            folder.remove(each.key)

    def _is_space_for(self, folder: DiskFolder, size: int) -> bool:
        was_short = self._is_short_of_space
        self._is_short_of_space = self._reserve.writable(folder.path) < size
        if self._is_short_of_space and not was_short:
            log("prefix cache: the disk has little free space; nothing is written to it while that is so")
        return not self._is_short_of_space

    def _make_room(self, folder: DiskFolder, size: int) -> bool:
        """Remove the oldest files until `size` more bytes fit; false when they never do."""
        if size > self._max_bytes:
            return False
        while True:
            with self._mutex:
                oldest = self._index.oldest()
                fits = self._index.size + size <= self._max_bytes and len(self._index) < MAX_FILES
            if fits or oldest is None:
                return True
            folder.remove(oldest.key)
            self._forget(oldest.key)

    def _forget(self, key: bytes) -> None:
        with self._mutex:
            self._index.remove(key)

    @contextmanager
    def _turned_off_by_errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._folder = None
            log(f"prefix cache: the disk part is off, since it could not be {what}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """What the log says: the system's words, and of all other errors the type alone, since they may quote a prompt."""
    return error.strerror or str(error) if isinstance(error, OSError) else type(error).__name__


def _size(segment: Segment) -> int:
    return sum(len(array.data) for array in segment.arrays.values())
