"""Which prefixes are to be written to disk, and when their bytes are copied for that."""

import time
from collections import OrderedDict

from .disk_tier import DiskTier
from .nodes import BLOCK, Node, digest
from .segment import block_tokens, copy_segment, window_start

SHARE_OF_TIME = 0.05
"""Of the engine thread's time, while requests run: copying waits for the device and keeps the next step waiting."""


class Saver:
    """Copies what is kept in memory for the disk tier, a block at a time, with pauses."""

    def __init__(self, disk: DiskTier) -> None:
        self._disk = disk
        self._waiting: OrderedDict[Node, None] = OrderedDict()
        self._not_before = 0.0

    def add(self, path: list[Node], *, with_tail: bool) -> None:
        """Have the nodes of a sequence written: whole blocks, states and, unless it will soon be longer, its end."""
        for node in path:
            if node.file is None and (node.end % BLOCK == 0 or node.state is not None):
                self._waiting[node] = None
        if with_tail and path[-1].file is None:
            self._waiting[path[-1]] = None

    def touch(self, path: list[Node]) -> None:
        """Use the files of these nodes; files that have gone are written again."""
        missing = set(self._disk.touch([node.file for node in path if node.file is not None]))
        gone = [node for node in path if node.file in missing]
        for node in gone:
            node.file = None
        if gone:
            self.add(gone, with_tail=not gone[-1].children)

    @property
    def is_held_up(self) -> bool:
        """Whether something waits that the writer has no room for now: to ask again at once would change nothing."""
        return bool(self._waiting) and not self._disk.has_room

    def save_some(self, *, idle: bool) -> bool:
        """Copy at most one block for the writer; returns whether more wait. Rests in between unless `idle`."""
        now = time.perf_counter()
        if self._waiting and self._disk.has_room and (idle or now >= self._not_before):
            node, _ = self._waiting.popitem(last=False)
            if node.parent is not None and self._offer(node):
                after = time.perf_counter()
                self._not_before = after + (after - now) / SHARE_OF_TIME
        if not self._disk.is_on:
            self._waiting.clear()
        return bool(self._waiting)

    def save_all(self, seconds: float) -> None:
        """Copy everything that waits, for about so many seconds at most."""
        end = time.perf_counter() + seconds
        while self.save_some(idle=True) and time.perf_counter() < end:
            if self.is_held_up:
                time.sleep(0.01)

    def _offer(self, node: Node) -> bool:
        """Whether anything had to be copied."""
        node.file = digest(node.anchor, block_tokens(node))
        if self._disk.has(node.file, window_start=window_start(node), has_state=node.state is not None):
            return False
        self._disk.offer(copy_segment(node))
        return True
