"""The tree of token sequences against a plain list of them."""

import numpy as np
import pytest

from mlxfleet_worker.caches.nodes import BLOCK, Node, PrefixTree, anchors, common_length
from mlxfleet_worker.caches.recency import Recency

BASE = bytes(20)


def every_node(tree: PrefixTree) -> list[Node]:
    nodes = [tree.root]
    for node in nodes:
        nodes.extend(node.children.values())
    return nodes[1:]


def insert(tree: PrefixTree, tokens: np.ndarray) -> list[Node]:
    steps = tree.match(tokens)
    known = sum(step.used for step in steps)
    path = [step.node for step in steps]
    if path and known < path[-1].end:
        path[-1] = tree.split(path[-1], known)
    while known < len(tokens):
        stop = min((known // BLOCK + 1) * BLOCK, len(tokens))
        path.append(tree.append(path[-1] if path else tree.root, tokens[known:stop].copy(), ()))
        known = stop
    return path


@pytest.mark.parametrize("seed", range(10))
def test_every_sequence_is_found_as_far_as_any_other_begins_like_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = PrefixTree(BASE)
    known: list[np.ndarray] = []
    for _ in range(40):
        begin = known[int(rng.integers(len(known)))] if known else np.empty(0, np.int32)
        shared = begin[: int(rng.integers(0, len(begin) + 1))]
        tokens = np.concatenate([shared, rng.integers(0, 3, int(rng.integers(1, 700)))]).astype(np.int32)
        expected = max((common_length(tokens, other) for other in known), default=0)
        assert sum(step.used for step in tree.match(tokens)) == expected
        path = insert(tree, tokens)
        assert np.array_equal(np.concatenate([node.tokens for node in path]), tokens)
        assert path[-1].end == len(tokens)
        known.append(tokens)
        for node in every_node(tree):
            assert node.start // BLOCK == (node.end - 1) // BLOCK
            assert node.parent is not None
            assert node.parent.end == node.start
            assert node.parent.children[int(node.tokens[0])] is node
        chain = anchors(BASE, tokens)
        assert [node.anchor for node in path] == [chain[node.start // BLOCK] for node in path]
    some = tree.root.children[next(iter(tree.root.children))]
    gone = tree.detach(some)
    assert all(node not in every_node(tree) for node in gone)


def test_the_order_of_use_gives_up_ends_before_beginnings() -> None:
    tree, recency = PrefixTree(BASE), Recency(10_000)
    rng = np.random.default_rng(1)
    trunk = rng.integers(0, 50, 300)
    for number in range(4):
        recency.tick()
        path = insert(tree, np.concatenate([trunk, np.full(40, number), rng.integers(0, 50, 60)]).astype(np.int32))
        for node in every_node(tree):
            recency.count(node, 100, 0)
        recency.touch(path)
    recency.tick()
    while victim := recency.oldest():
        assert not victim.only_extras
        assert not victim.node.children
        for node in tree.detach(victim.node):
            recency.forget(node)
    assert recency.size == 0
    assert len(recency) == 0
