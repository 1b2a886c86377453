"""What has not been used for longest: parts of a prefix tree, in the order in which they are given up."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from .nodes import Node


class Victim(NamedTuple):
    """What to give up next: a node with all below it, or only its extras."""

    node: Node
    only_extras: bool


@dataclass(slots=True)
class _Shelf:
    """Nodes, and apart from them the nodes that have extras, least recently used first."""

    nodes: OrderedDict[Node, None] = field(default_factory=OrderedDict)
    extras: OrderedDict[Node, None] = field(default_factory=OrderedDict)
    size: int = 0

    def oldest(self, now: int) -> Victim | None:
        node = next(iter(self.nodes), None)
        extra = next(iter(self.extras), None)
        if extra is not None and extra.extras_used < now and (node is None or extra.extras_used <= node.used):
            return Victim(extra, only_extras=True)
        return None if node is None or node.used >= now else Victim(node, only_extras=False)


class Recency:
    """Counts the bytes of nodes and orders them by last use.

    Nodes are touched from the end of a sequence to its beginning, so that the oldest of all has nothing below it. Nodes
    of system prompts are given up last while they take no more than half of `limit` bytes: prompts that are never the
    same twice would fill everything otherwise. What was touched at the current time is never given up.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ordinary = _Shelf()
        self._system = _Shelf()
        self.now = 0

    def __len__(self) -> int:
        return len(self._ordinary.nodes) + len(self._system.nodes)

    @property
    def size(self) -> int:
        """Bytes of all nodes with their extras."""
        return self._ordinary.size + self._system.size

    def tick(self) -> None:
        """Begin another use: what is touched from now on is newer than all before."""
        self.now += 1

    def count(self, node: Node, size: int, extra_size: int) -> None:
        """Set the bytes of a node and of its extras. A node that is new, and extras that are, are used now."""
        shelf = self._shelf(node)
        if node not in shelf.nodes:
            shelf.nodes[node] = None
            node.used = self.now
        shelf.size += size + extra_size - node.bytes - node.extra_bytes
        if extra_size > node.extra_bytes:
            shelf.extras[node] = None
            self.touch_extras(node)
        elif extra_size == 0:
            shelf.extras.pop(node, None)
        node.bytes, node.extra_bytes = size, extra_size

    def forget(self, node: Node) -> None:
        """Count a node no longer."""
        self.count(node, 0, 0)
        del self._shelf(node).nodes[node]

    def touch(self, path: list[Node]) -> None:
        """Use the nodes of a path, given from the root on."""
        for node in reversed(path):
            node.used = self.now
            self._shelf(node).nodes.move_to_end(node)

    def touch_extras(self, node: Node) -> None:
        """Use a node's extras."""
        node.extras_used = self.now
        self._shelf(node).extras.move_to_end(node)

    def protect(self, path: list[Node]) -> None:
        """Make the nodes of a path, given from the root on and just touched, parts of a system prompt."""
        for node in reversed(path):
            if node.system:
                continue
            size, extra_size = node.bytes, node.extra_bytes
            self.forget(node)
            node.system = True
            self.count(node, size, extra_size)

    def oldest(self) -> Victim | None:
        """What to give up next; None when all that is left was touched now."""
        shelves = (self._ordinary, self._system)
        if self._system.size > self._limit // 2:
            shelves = (self._system, self._ordinary)
        victims = (shelf.oldest(self.now) for shelf in shelves)
        return next((victim for victim in victims if victim is not None), None)

    def _shelf(self, node: Node) -> _Shelf:
        return self._system if node.system else self._ordinary
