"""Prefixes in memory: a tree of pieces within a number of bytes."""

from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from .layout import Layout, State, state_arrays
from .nodes import BLOCK, Node, PrefixTree, Step, Tokens
from .packing import join, part
from .recency import Recency
from .sources import Source

NODE_BYTES = 1024
"""What the Python objects of one node take, roughly."""
MAX_NODES = 50_000
"""Each has a few buffers, and Metal allows a process about 499000."""


class Found(NamedTuple):
    """How far a sequence can be continued from memory, and how far its tokens are known."""

    length: int
    known: int
    steps: list[Step]


class PrefixMemory:
    """Keeps what caches hold of sequences, each shared beginning once. For the engine thread only.

    Sequences are shared below the same base, the digest of no tokens, and not across; all of them share the room.
    """

    def __init__(self, layout: Layout, limit: int) -> None:
        self._layout = layout
        self._limit = limit
        self._trees: dict[bytes, PrefixTree] = {}
        self._recency = Recency(limit)

    @property
    def size(self) -> int:
        """Bytes of everything kept. Safe from any thread."""
        return self._recency.size

    def find(self, tokens: Tokens, base: bytes) -> Found:
        """The longest beginning of the sequence, without its last token, from which it can be continued."""
        tree = self._trees.get(base)
        steps = [] if tree is None else tree.match(tokens)
        length, gapless_from = 0, 0
        for node, used in steps:
            stop = min(node.start + used, len(tokens) - 1)
            if self._layout.window and node.windows is None:
                gapless_from = node.end
            if self._layout.has_state and (node.state is None or node.end != stop):
                continue
            if gapless_from > self._layout.window_start(stop):
                continue
            length = max(length, stop)
        return Found(length, sum(step.used for step in steps), steps)

    def build(self, found: Found) -> list[Any]:
        """Caches of what was found, which must be more than nothing. Counts as a use."""
        length = found.length
        window_start = self._layout.window_start(length)
        path, tokens, windows = [], [], []
        state: State = []
        self._recency.tick()
        for node, _ in found.steps:
            if node.start >= length:
                break
            path.append(node)
            stop = min(node.end, length)
            tokens.append(part(node.packed, 0, stop - node.start))
            if stop > window_start and node.windows is not None:
                windows.append(part(node.windows, max(window_start - node.start, 0), stop - node.start))
                self._recency.touch_extras(node)
            if self._layout.has_state and node.end == length:
                state = node.state or []
                self._recency.touch_extras(node)
        self._recency.touch(path)
        return self._layout.build(join(tokens), join(windows) if windows else (), state, length)

    def path_to(self, found: Found) -> list[Node]:
        """The nodes that a continuation uses."""
        return [node for node, _ in found.steps if node.start < found.length]

    def keep(self, tokens: Tokens, base: bytes, source: Source, *, system: bool) -> list[Node]:
        """Keep a sequence; returns its nodes from the beginning on, or none when there is no room for it.

        A source that has only the end of the sequence needs its beginning here.
        """
        self._recency.tick()
        tree = self._trees.get(base)
        if tree is None:
            tree = self._trees[base] = PrefixTree(base)
        steps = tree.match(tokens)
        known = sum(step.used for step in steps)
        path = [step.node for step in steps]
        if known < source.start:
            return []
        self._recency.touch(path)
        window_start = max(source.window_start, self._layout.window_start(len(tokens)))
        missing = self._missing_windows(path, window_start, known) + len(tokens) - max(known, window_start)
        state = source.state
        if path and path[-1].end == len(tokens) and path[-1].state is not None:
            self._recency.touch_extras(path[-1])
            state = None
        if not self._make_room(path, self._bytes_needed(len(tokens) - known, missing, state)):
            return []
        if path and known < path[-1].end and (known < len(tokens) or missing or state is not None):
            path[-1] = self._split(path[-1], known)
        self._append(tree, path, tokens, known, source)
        if missing:
            self._add_windows(path, window_start, source)
        if state is not None:
            self._add_state(path[-1], state)
        self._recency.touch(path)
        if system:
            self._recency.protect(path)
        return path

    def shrink(self, limit: int) -> None:
        """Give up what was not used for longest until at most `limit` bytes are kept."""
        self._recency.tick()
        while self.size > limit and self._give_up():
            pass

    def clear(self) -> None:
        """Give up everything."""
        self._trees = {}
        self._recency = Recency(self._limit)

    def _missing_windows(self, path: list[Node], start: int, stop: int) -> int:
        """Tokens between these positions whose nodes have no windows. Windows that are there are used."""
        missing = 0
        for node in path:
            if node.windows is not None and node.end > start:
                self._recency.touch_extras(node)
            elif node.windows is None:
                missing += max(min(node.end, stop) - max(node.start, start), 0)
        return missing

    def _bytes_needed(self, tokens: int, windows: int, state: State | None) -> int:
        """An upper bound: new nodes for every block touched, and three more by splits."""
        nodes = tokens // BLOCK + 5
        return (
            nodes * NODE_BYTES
            + tokens * (self._layout.tokens.bytes_per_token + 4)
            + windows * self._layout.windows.bytes_per_token
            + (0 if state is None else _state_bytes(state))
        )

    def _make_room(self, path: list[Node], needed: int) -> bool:
        """Give up other things for something on this path; false when it does not fit at all."""
        now = self._recency.now
        stays = sum(node.bytes + (node.extra_bytes if node.extras_used == now else 0) for node in path)
        if stays + needed > self._limit:
            return False
        while self.size + needed > self._limit or len(self._recency) > MAX_NODES:
            if not self._give_up():
                return False
        return True

    def _give_up(self) -> bool:
        victim = self._recency.oldest()
        if victim is None:
            return False
        if victim.only_extras:
            victim.node.windows = victim.node.state = None
            self._count(victim.node)
        else:
            for node in PrefixTree.detach(victim.node):
                self._recency.forget(node)
        return True

    def _split(self, node: Node, at: int) -> Node:
        upper = PrefixTree.split(node, at)
        self._count(upper)
        self._count(node)
        return upper

    def _append(self, tree: PrefixTree, path: list[Node], tokens: Tokens, known: int, source: Source) -> None:
        """Add the nodes of the tokens that are not known yet."""
        start = known
        while start < len(tokens):
            stop = min((start // BLOCK + 1) * BLOCK, len(tokens))
            parent = path[-1] if path else tree.root
            node = tree.append(parent, tokens[start:stop].copy(), source.tokens(start, stop))
            mx.async_eval(node.packed)
            self._count(node)
            path.append(node)
            start = stop

    def _add_windows(self, path: list[Node], start: int, source: Source) -> None:
        for index, node in enumerate(path):
            if node.windows is not None or node.end <= start:
                continue
            if node.start < start:
                path.insert(index, self._split(node, start))
                continue
            node.windows = source.windows(node.start, node.end)
            mx.async_eval(node.windows)
            self._count(node)

    def _add_state(self, node: Node, state: State) -> None:
        node.state = state
        mx.async_eval(state_arrays(state))
        self._count(node)

    def _count(self, node: Node) -> None:
        """Tell the order how much a node takes now."""
        length = len(node.tokens)
        extras = 0 if node.windows is None else length * self._layout.windows.bytes_per_token
        extras += 0 if node.state is None else _state_bytes(node.state)
        self._recency.count(node, NODE_BYTES + length * (self._layout.tokens.bytes_per_token + 4), extras)


def _state_bytes(state: State) -> int:
    # At least one: a state of no bytes is a state too.
    return max(sum(array.nbytes for array in state_arrays(state)), 1)


def to_tokens(tokens: list[int]) -> Tokens:
    """Token ids as an array."""
    return np.asarray(tokens, dtype=np.int32)
