"""An idle engine brings prefixes to the disk, and waits for a slow disk without work for the processor."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from batch_support import make_batch
from caches_support import make_llama, make_prefix_cache, random_tokens
from disk_support import CountingTier, files
from mlxfleet_worker.caches.disk_folder import Reserve
from mlxfleet_worker.caches.disk_tier import MAX_QUEUED_BYTES, DiskTier
from mlxfleet_worker.caches.nodes import BLOCK
from mlxfleet_worker.caches.quantized import make_cache
from mlxfleet_worker.caches.segment import RawArray, Segment
from mlxfleet_worker.generation.engine import Engine
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.wire.frames import ShrinkFrame
from mlxfleet_worker.wire.replies import ReplyChannel
from waiting import wait_until

TOKENS = 3 * BLOCK


class SlowDisk(Reserve):
    """A disk that answers nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        object.__setattr__(self, "answers", threading.Event())
        object.__setattr__(self, "is_asked", threading.Event())

    def writable(self, folder: Path) -> int:
        """Wait."""
        self.is_asked.set()
        assert self.answers.wait(60)
        return super().writable(folder)


class IdleEngine:
    """An engine on a thread of its own that has a prefix to save and nothing else to do."""

    def __init__(self, tier: DiskTier) -> None:
        self._writer = os.open(os.devnull, os.O_WRONLY)
        self._engine = Engine(ReplyChannel(self._writer, on_broken=pytest.fail), Registry())
        self._tier = tier
        self._is_begun = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_begun.wait(30)

    def _run(self) -> None:
        model = make_llama()
        cache = make_prefix_cache(model, disk=self._tier)
        batch = make_batch(model, cache)
        tokens = random_tokens(np.random.default_rng(1), TOKENS)
        caches = make_cache(model, None)
        model(mx.array([tokens]), cache=caches)
        assert cache.insert(tokens, caches, "answer")
        self._engine.use(model, batch)  # type: ignore[arg-type]
        self._engine._prefixes, self._engine._saves_prefixes = cache, True
        self._is_begun.set()
        self._engine.run()

    def submit(self, message: ShrinkFrame) -> None:
        self._engine.submit(message)

    def close(self) -> None:
        """End as a worker does, and leave no thread behind."""
        self._engine.stop(20)
        self._thread.join(20)
        os.close(self._writer)


@pytest.fixture
def disk() -> Iterator[SlowDisk]:
    disk = SlowDisk()
    yield disk
    disk.answers.set()


def fill(tier: CountingTier) -> None:
    """Offer as much as the writer takes at a time: zeros, which take no memory before they are read."""
    data = RawArray("U8", (MAX_QUEUED_BYTES,), bytes(MAX_QUEUED_BYTES))
    tokens = np.zeros(BLOCK, dtype=np.int32)
    assert tier.offer(Segment(b"x" * 20, 0, tokens, None, None, {"tokens.0": data}))
    assert not tier.has_room


def test_a_slow_disk_costs_no_processor_time_and_gets_everything_in_the_end(
    folder: Path, disk: SlowDisk, open_tier: Callable[..., CountingTier]
) -> None:
    tier = open_tier(reserve=disk)
    fill(tier)
    assert disk.is_asked.wait(30)
    engine = IdleEngine(tier)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1
    assert files(folder) == []
    # A message is taken meanwhile, and the rest is saved nevertheless.
    engine.submit(ShrinkFrame(1 << 30))
    disk.answers.set()
    wait_until(lambda: len(files(folder)) == TOKENS // BLOCK)
    engine.close()
