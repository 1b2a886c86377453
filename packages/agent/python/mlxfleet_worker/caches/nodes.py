"""A tree of token sequences: sequences that begin alike share nodes, so that what they share is kept once."""

from hashlib import blake2b
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .layout import State
from .packing import Packed, cut

BLOCK = 256
"""Tokens in a node at most; no node crosses a multiple of it, so that files on disk have fixed places."""

Tokens = np.ndarray
"""Token ids, one dimension, int32."""


class Node:
    """A piece of one or more sequences, and what the caches keep of its tokens.

    `windows` and `state` are its extras: what layers with a sliding window keep of all its tokens, and the states of
    recurrent layers after its last token. Each may be None.
    """

    __slots__ = (
        "anchor",
        "bytes",
        "children",
        "extra_bytes",
        "extras_used",
        "file",
        "packed",
        "parent",
        "start",
        "state",
        "system",
        "tokens",
        "used",
        "windows",
    )

    def __init__(self, parent: "Node | None", start: int, tokens: Tokens, packed: Packed, anchor: bytes) -> None:
        self.parent = parent
        self.start = start
        self.tokens = tokens
        self.packed = packed
        self.anchor = anchor
        """Digest of all tokens before the block that the node is in."""
        self.children: dict[int, Node] = {}
        self.windows: Packed | None = None
        self.state: State | None = None
        self.file: bytes | None = None
        """Key of the file that has the block up to this node's end."""
        self.system = False
        self.used = self.extras_used = 0
        self.bytes = self.extra_bytes = 0

    @property
    def end(self) -> int:
        """Tokens from the beginning of the sequence to the end of the node."""
        return self.start + len(self.tokens)

    @property
    def block_start(self) -> int:
        """The beginning of the block that the node is in."""
        return self.start // BLOCK * BLOCK

    def block(self) -> list["Node"]:
        """The nodes of the sequence from the beginning of the block to this one."""
        nodes, node = [self], self
        while node.start > self.block_start:
            node = node.parent
            nodes.append(node)
        return nodes[::-1]


class Step(NamedTuple):
    """A node on the way of a sequence, and how many of its tokens belong to the sequence."""

    node: Node
    used: int


class PrefixTree:
    """The nodes, without any idea of memory or time."""

    def __init__(self, base: bytes) -> None:
        """Make an empty tree; `base` is the digest of no tokens."""
        self.root = Node(None, 0, np.empty(0, np.int32), (), base)

    def match(self, tokens: Tokens) -> list[Step]:
        """The way of a sequence through the tree, as far as it is known."""
        steps: list[Step] = []
        node, at = self.root, 0
        while at < len(tokens):
            child = node.children.get(int(tokens[at]))
            if child is None:
                break
            used = common_length(child.tokens, tokens[at:])
            steps.append(Step(child, used))
            at += used
            if used < len(child.tokens):
                break
            node = child
        return steps

    def append(self, parent: Node, tokens: Tokens, packed: Packed) -> Node:
        """Put a new node below another one."""
        start = parent.end
        anchor = parent.anchor
        if start % BLOCK == 0 and parent is not self.root:
            anchor = digest(parent.anchor, np.concatenate([node.tokens for node in parent.block()]))
        node = Node(parent, start, tokens, packed, anchor)
        parent.children[int(tokens[0])] = node
        return node

    @staticmethod
    def split(node: Node, at: int) -> Node:
        """Divide a node at a position inside it; returns the new upper part, without bytes or place in any order.

        The node given becomes the lower part and keeps the state.
        """
        length, keep = len(node.tokens), at - node.start
        upper = Node(node.parent, node.start, node.tokens[:keep].copy(), cut(node.packed, 0, keep), node.anchor)
        upper.system = node.system
        upper.children[int(node.tokens[keep])] = node
        node.parent.children[int(node.tokens[0])] = upper
        if node.windows is not None:
            upper.windows = cut(node.windows, 0, keep)
            node.windows = cut(node.windows, keep, length)
        node.packed = cut(node.packed, keep, length)
        node.tokens = node.tokens[keep:].copy()
        node.start = at
        node.parent = upper
        mx.async_eval(upper.packed, node.packed, upper.windows or (), node.windows or ())
        return upper

    @staticmethod
    def detach(node: Node) -> list[Node]:
        """Take a node out with all below it; returns all of them."""
        del node.parent.children[int(node.tokens[0])]
        nodes = [node]
        for each in nodes:
            nodes.extend(each.children.values())
        for each in nodes:
            each.parent = None
        return nodes


def common_length(first: Tokens, second: Tokens) -> int:
    """How many tokens two sequences have in common at their beginnings."""
    length = min(len(first), len(second))
    different = first[:length] != second[:length]
    place = int(different.argmax()) if length else 0
    return place if length and different[place] else length


def digest(anchor: bytes, tokens: Tokens) -> bytes:
    """The digest of a sequence from that of its beginning and the tokens after it."""
    return blake2b(anchor + tokens.tobytes(), digest_size=20).digest()


def anchors(base: bytes, tokens: Tokens) -> list[bytes]:
    """The digests of a sequence's beginnings that end at multiples of BLOCK, with that of no tokens first."""
    chain = [base]
    for start in range(0, len(tokens) // BLOCK * BLOCK, BLOCK):
        chain.append(digest(chain[-1], tokens[start : start + BLOCK]))
    return chain
