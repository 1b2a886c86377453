"""Tiers on disk that tests open again and again, and blocks to put into them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mlxfleet_worker.caches.disk_folder import Reserve
from mlxfleet_worker.caches.disk_tier import DiskTier
from mlxfleet_worker.caches.nodes import BLOCK, anchors
from mlxfleet_worker.caches.prefix_cache import BASE
from mlxfleet_worker.caches.segment import RawArray, Segment

COUNT = 8
NO_RESERVE = Reserve(0, 0)
FINGERPRINT = "f" * 64
LARGEST = 1 << 28


class CountingTier(DiskTier):
    """Counts what it is offered."""

    offered = 0

    def offer(self, segment: Segment) -> bool:
        self.offered += 1
        return super().offer(segment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "prefixes"


@pytest.fixture
def open_tier(folder: Path) -> Iterator[Callable[..., CountingTier]]:
    """Opens the tier of one folder again and again; closes what a test leaves open."""
    tiers: list[CountingTier] = []

    def make(max_bytes: int = LARGEST, fingerprint: str = FINGERPRINT, reserve: Reserve = NO_RESERVE) -> CountingTier:
        tiers.append(CountingTier(folder, max_bytes, fingerprint, reserve=reserve))
        return tiers[-1]

    yield make
    for tier in tiers:
        tier.close()


def make_segments(count: int, seed: int = 0, size: int = 1000) -> tuple[np.ndarray, list[Segment]]:
    """A sequence and its blocks, with some bytes each; no model is needed for what the disk does."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 99, count * BLOCK).astype(np.int32)
    chain = anchors(BASE, tokens)
    segments = []
    for number in range(count):
        start = number * BLOCK
        data = rng.integers(0, 255, size).astype(np.uint8).tobytes()
        arrays = {"tokens.0": RawArray("U8", (size,), data)}
        segments.append(Segment(chain[number], start, tokens[start : start + BLOCK], None, None, arrays))
    return tokens, segments


def write(tier: DiskTier, segments: list[Segment]) -> None:
    for segment in segments:
        assert tier.offer(segment)
    deadline = time.monotonic() + 20
    while tier._queued_bytes and time.monotonic() < deadline:
        time.sleep(0.005)
    assert tier._queued_bytes == 0


def planned(tier: DiskTier, tokens: np.ndarray) -> int:
    plan = tier.plan(anchors(BASE, tokens), tokens, 0, window=0, needs_state=False)
    return plan.length if plan else 0


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("prefix-*.safetensors"))
