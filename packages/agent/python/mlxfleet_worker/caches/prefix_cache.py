"""Beginnings of prompts that were computed before, for the next request that begins alike."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from ..log import log, log_exception
from .disk_index import Plan
from .disk_tier import DiskTier
from .layout import Layout
from .memory import Found, PrefixMemory, to_tokens
from .nodes import Tokens, anchors
from .saving import Saver
from .segment_file import Entry
from .sources import CacheSource, SegmentSource

Kind = Literal["system", "prompt", "answer"]

BASE = bytes(20)
"""The digest of no tokens, where there is no scope. Files of other models are told apart by their fingerprint."""
CLOSE = 32
"""Tokens that are computed again rather than kept apart: less than any prefill chunk."""


def base_of(scope: str | None) -> bytes:
    """The digest of no tokens in this scope. All digests of sequences, and names of files, go on from it."""
    return BASE if scope is None else blake2b(scope.encode(), digest_size=len(BASE), person=b"scope").digest()


class Hit(NamedTuple):
    """Caches that hold the first `length` tokens, each layer's own as mlx-lm makes them; the caller may change them."""

    caches: list[Any]
    length: int


class Boundary(NamedTuple):
    """Where prefill is to stop so that what the caches hold then can be inserted."""

    length: int
    kind: Kind


class PrefixCache:
    """Prefixes of all conversations of one model, within a number of bytes. For the engine thread, with exceptions.

    What sequences share is kept once, and any beginning of a sequence can be reused; with sliding windows or recurrent
    layers only where there is a window or a state, so that prefill has to stop at boundaries there.

    A `scope` keeps sequences apart: what was inserted with one is known with the same one only, in memory and on disk.
    """

    def __init__(self, layout: Layout, memory_bytes: int, disk: DiskTier | None = None) -> None:
        self._layout = layout
        self._limit = memory_bytes
        self._memory = PrefixMemory(layout, memory_bytes)
        self._disk = disk if memory_bytes else None
        self._saver = Saver(self._disk) if self._disk else None

    @property
    def memory_bytes(self) -> int:
        """Bytes kept in memory. Safe from any thread."""
        return self._memory.size

    @property
    def disk_bytes(self) -> int:
        """Bytes kept on disk. Safe from any thread."""
        return self._disk.size if self._disk else 0

    @property
    def needs_checkpoints(self) -> bool:
        """Whether sequences can be continued only where their caches were inserted: Layout.needs_checkpoints."""
        return self._layout.needs_checkpoints

    def known_length(self, tokens: list[int], scope: str | None = None) -> int:
        """How many tokens a fetch would give from memory. Counts as no use."""
        return self._memory.find(to_tokens(tokens), base_of(scope)).length

    def read(
        self, tokens: list[int], prefill_tokens_per_second: float | None = None, *, scope: str | None = None
    ) -> Iterator[None]:
        """Take into memory what the disk knows of these tokens beyond it, for a fetch; between two yields one file.

        The first yield comes before the first file; without anything to read there is none. With the speed of prefill,
        only what is quicker to read than to compute is read.
        """
        if not self._limit or len(tokens) < 2 or self._disk is None:
            return
        try:
            yield from self._read(self._disk, to_tokens(tokens), base_of(scope), prefill_tokens_per_second)
        except Exception:
            self._start_again("a prefix could not be read")

    def fetch(self, tokens: list[int], *, scope: str | None = None) -> Hit | None:
        """The longest beginning of these tokens in memory, one at least and never all: the last has to be computed."""
        if not self._limit or len(tokens) < 2:
            return None
        try:
            found = self._memory.find(to_tokens(tokens), base_of(scope))
            if not found.length:
                return None
            caches = self._memory.build(found)
            if self._saver is not None:
                self._saver.touch(self._memory.path_to(found))
        except Exception:
            self._start_again("a prefix could not be fetched")
            return None
        return Hit(caches, found.length)

    def insert(self, tokens: list[int], caches: list[Any], kind: Kind, *, scope: str | None = None) -> bool:
        """Keep what the caches of one sequence hold, which is these tokens. They are copied, and stay the caller's.

        Only what is not known yet is copied, and the copy is begun but not waited for. False when it is not kept:
        larger than the whole room, or not the caches of these tokens.
        """
        if not self._limit or not tokens:
            return False
        try:
            if not self._layout.accepts(caches, len(tokens)):
                log("prefix cache: caches that do not hold the tokens they should were not kept")
                return False
            source = CacheSource(self._layout, caches, len(tokens))
            path = self._memory.keep(to_tokens(tokens), base_of(scope), source, system=kind == "system")
            if path and self._saver is not None:
                self._saver.add(path, with_tail=kind != "prompt")
        except Exception:
            self._start_again("a prefix could not be kept")
            return False
        return bool(path)

    def boundaries(
        self,
        tokens: list[int],
        fetched: int,
        *,
        system_length: int = 0,
        stable_length: int = 0,
        scope: str | None = None,
    ) -> list[Boundary]:
        """Where prefill of these tokens, of which `fetched` came from here, should stop for an insert, in order.

        `system_length` is how many tokens the system prompt has that begin other conversations too. `stable_length` is
        how many will begin the next turn as well: without what asks for the answer, which templates may take back. Both
        are optional; beginnings that two prompts have shared are found without them.
        """
        wanted = [Boundary(len(tokens) - 1, "prompt")]
        if system_length:
            wanted.append(Boundary(system_length, "system"))
        if self._layout.needs_checkpoints:
            wanted.append(Boundary(stable_length, "prompt"))
            wanted.append(Boundary(self._memory.find(to_tokens(tokens), base_of(scope)).known, "prompt"))
        boundaries: list[Boundary] = []
        before = fetched
        for boundary in sorted(wanted, key=lambda each: (each.length, each.kind != "system")):
            if before + CLOSE <= boundary.length < len(tokens):
                boundaries.append(boundary)
                before = boundary.length
        return boundaries

    def save_some(self, *, idle: bool = False) -> bool:
        """Copy at most one block of tokens for the disk's writer; returns whether more wait. Call it once a step.

        It rests between blocks so as to take little of the time; with `idle`, when nothing runs, it does not.
        """
        return self._saver is not None and self._saver.save_some(idle=idle)

    @property
    def is_held_up(self) -> bool:
        """Whether what waits for the disk has to wait for its writer first."""
        return self._saver is not None and self._saver.is_held_up

    def shrink(self, limit: int) -> None:
        """Keep at most so many bytes in memory for now."""
        self._memory.shrink(limit)

    def close(self, seconds: float = 10.0) -> None:
        """Write what is not on disk yet, for about so many seconds at most, and keep nothing from then on."""
        if self._saver is not None and self._disk is not None:
            self._saver.save_all(seconds / 2)
            self._disk.close(seconds / 2)
        self._limit = 0
        self._memory.clear()

    def _read(self, disk: DiskTier, tokens: Tokens, base: bytes, speed: float | None) -> Iterator[None]:
        """Nothing that was read is held here while others run: memory may have to give it up."""
        plan = self._plan(disk, tokens, base, speed)
        tried: set[bytes] = set()
        # Others may bring in, or push out, some of it between two files.
        while plan is not None and (entry := self._next(plan, tokens, base, tried)):
            yield
            tried.add(entry.key)
            if not self._take_in(disk, entry, tokens, base):
                return

    def _plan(self, disk: DiskTier, tokens: Tokens, base: bytes, speed: float | None) -> Plan | None:
        """What to read of a sequence; None where it is not worth it."""
        layout, found = self._layout, self._memory.find(tokens, base)
        chain = anchors(base, tokens)
        plan = disk.plan(chain, tokens, found.known, window=layout.window, needs_state=layout.has_state)
        if plan is None or plan.length < found.length + CLOSE:
            return None
        if plan.length * layout.tokens.bytes_per_token > self._limit:
            return None
        size = sum(entry.size for entry in self._missing(plan, found))
        if speed is not None and disk.seconds_to_read(size) > (plan.length - found.length) / speed:
            return None
        return plan

    def _next(self, plan: Plan, tokens: Tokens, base: bytes, tried: set[bytes]) -> Entry | None:
        """The first file of a plan that memory lacks."""
        missing = self._missing(plan, self._memory.find(tokens, base))
        return next((each for each in missing if each.key not in tried), None)

    def _take_in(self, disk: DiskTier, entry: Entry, tokens: Tokens, base: bytes) -> bool:
        """Read one file into memory; false when it cannot be used, or has no room."""
        segment = disk.read(entry)
        if segment is None:
            return False
        try:
            source = SegmentSource(self._layout, segment)
        except ValueError as error:
            disk.discard(entry, str(error))
            return False
        path = self._memory.keep(tokens[: entry.end], base, source, system=False)
        if path:
            path[-1].file = entry.key
        return bool(path)

    def _missing(self, plan: Plan, found: Found) -> list[Entry]:
        """The files of a plan that have what memory has not."""
        window_start = self._layout.window_start(plan.length)
        last = plan.entries[-1]
        known = [node for node, used in found.steps if used == len(node.tokens)]
        without_windows = [node for node in known if node.windows is None and node.end > window_start]
        return [
            entry
            for entry in plan.entries
            if entry is last
            or entry.end > found.known
            or any(entry.start <= node.start < entry.end for node in without_windows)
        ]

    def _start_again(self, what: str) -> None:
        """Forget everything in memory after an error, which may have left it half done."""
        log_exception(what)
        self._memory.clear()
