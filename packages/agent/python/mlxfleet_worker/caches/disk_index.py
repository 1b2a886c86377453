"""Which segments are on disk, least recently used first. Plain values, no files; for one thread at a time."""

from collections import Counter, OrderedDict
from typing import NamedTuple

from .nodes import BLOCK, Tokens, digest
from .segment_file import Entry


class Plan(NamedTuple):
    """A beginning of a sequence that can be continued from disk, and the files from its beginning on."""

    length: int
    entries: list[Entry]


class DiskIndex:
    """Entries by key, in the order of their use."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._tails: dict[bytes, Counter[int]] = {}
        """Lengths of the beginnings of blocks, by what comes before them."""
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Entry | None:
        """The entry with this key."""
        return self._entries.get(key)

    def keys_in_order(self) -> list[bytes]:
        """All keys, the oldest first."""
        return list(self._entries)

    def oldest(self) -> Entry | None:
        """The entry that was not used for longest."""
        return next(iter(self._entries.values()), None)

    def add(self, entry: Entry) -> None:
        """Take in an entry as the newest, in place of one with the same key."""
        self.remove(entry.key)
        self._entries[entry.key] = entry
        self.size += entry.size
        if not entry.is_block:
            self._tails.setdefault(entry.anchor, Counter())[entry.end - entry.start] += 1

    def remove(self, key: bytes) -> None:
        """Forget an entry, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size -= entry.size
        if not entry.is_block:
            lengths = self._tails[entry.anchor]
            lengths[entry.end - entry.start] -= 1
            self._tails[entry.anchor] = +lengths
            if not self._tails[entry.anchor]:
                del self._tails[entry.anchor]

    def touch(self, key: bytes) -> bool:
        """Use an entry; false when there is none."""
        if key not in self._entries:
            return False
        self._entries.move_to_end(key)
        return True

    def tails(self, anchor: bytes, tokens: Tokens) -> list[Entry]:
        """The beginnings of a block that these tokens, which come after `anchor`, begin with."""
        lengths = [length for length in self._tails.get(anchor, ()) if length <= len(tokens)]
        found = (self.get(digest(anchor, tokens[:length])) for length in lengths)
        return [entry for entry in found if entry is not None]

    def plan(self, chain: list[bytes], tokens: Tokens, known: int, *, window: int, needs_state: bool) -> Plan | None:
        """The longest beginning, without the last token, that can be continued with what is on disk.

        `chain` is the digests of the beginnings that end at blocks. Of the first `known` tokens keys and values of full
        attention are in memory.
        """
        blocks = [self.get(key) for key in chain[1:]]
        plans: list[Plan] = []
        for number, anchor in enumerate(chain):
            start = number * BLOCK
            whole = [blocks[number]] if number < len(blocks) and blocks[number] is not None else []
            for entry in (*whole, *self.tails(anchor, tokens[start : start + BLOCK])):
                length = min(entry.end, len(tokens) - 1)
                if needs_state and not (entry.has_state and entry.end == length):
                    continue
                entries = [each for each in blocks[:number] if each is not None]
                if length > entry.start and _has_window([*entries, entry], max(0, length - window), window):
                    plans.append(Plan(length, [*entries, entry]))
            if not whole and start + BLOCK > known:
                break
        return max(plans, key=lambda plan: plan.length, default=None)


def _has_window(entries: list[Entry], start: int, window: int) -> bool:
    """Whether the files have windows from `start` to their end, without a gap."""
    if not window:
        return True
    begin = entries[-1].end
    for entry in reversed(entries):
        if begin <= start:
            return True
        if entry.end != begin or entry.window_start is None or entry.window_start > max(start, entry.start):
            return False
        begin = entry.start
    return begin <= start
