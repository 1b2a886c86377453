"""Prefixes on disk survive a restart, and nothing that can happen to their files gives a wrong state."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from caches_support import (
    MODELS,
    from_scratch,
    make_llama,
    make_prefix_cache,
    random_tokens,
    read_and_fetch,
    serve,
)
from mlxfleet_worker.caches.disk_folder import Reserve
from mlxfleet_worker.caches.disk_tier import DiskTier
from mlxfleet_worker.caches.fingerprint import model_fingerprint
from mlxfleet_worker.caches.nodes import BLOCK, anchors
from mlxfleet_worker.caches.prefix_cache import BASE
from mlxfleet_worker.caches.quantized import make_cache
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


@pytest.mark.parametrize("name", MODELS)
def test_prefixes_are_found_again_after_a_restart(name: str, open_tier: Callable[..., CountingTier]) -> None:
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    prompt = random_tokens(rng, 700)
    cache = make_prefix_cache(model, disk=open_tier())
    (done,), _ = serve(model, cache, [prompt], COUNT)
    cache.close()
    prompts = [prompt, prompt + done + random_tokens(rng, 30)]
    for number, each in enumerate(prompts):
        cache = make_prefix_cache(model, disk=open_tier())
        assert cache.memory_bytes == 0
        assert cache.disk_bytes > 0
        completions, starts = serve(model, cache, [each], COUNT)
        assert completions == [from_scratch(model, each, COUNT)]
        # Whole blocks, states and the ends of answers are on disk: windows only at the last.
        assert starts[0] >= (0 if name == "sliding" else 512, len(prompt))[number]
        assert cache.memory_bytes > 0
        cache.close()


def test_random_restarts_complete_as_from_scratch(open_tier: Callable[..., CountingTier]) -> None:
    for seed, name in enumerate(("full", "everything")):
        model = MODELS[name]()
        rng = np.random.default_rng(seed)
        known = [random_tokens(rng, 400)]
        cached = 0
        for _ in range(6):
            cache = make_prefix_cache(model, int(rng.choice([300_000, 1 << 28])), disk=open_tier(1_500_000, name))
            begin = known[int(rng.integers(len(known)))]
            prompts = [
                begin[: int(rng.choice([len(begin), rng.integers(2, len(begin))]))]
                + random_tokens(rng, int(rng.integers(0, 200)))
                for _ in range(2)
            ]
            completions, starts = serve(model, cache, prompts, COUNT)
            assert completions == [from_scratch(model, prompt, COUNT) for prompt in prompts]
            assert cache.disk_bytes <= 1_500_000
            cached += sum(starts)
            known += [prompt + done for prompt, done in zip(prompts, completions, strict=True)]
            cache.close()
        assert cached > 0


def test_files_are_private(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    folder.mkdir(mode=0o755)
    write(open_tier(), make_segments(2)[1])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def damaged(content: bytes) -> dict[str, bytes]:
    """What a file can become, by the name of the damage."""
    middle = len(content) - 300
    return {
        "empty": b"",
        "short header": content[:5],
        "torn": content[: len(content) // 2],
        "one byte short": content[:-1],
        "one byte long": content + b"x",
        "one bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "header length": (1 << 60).to_bytes(8, "little") + content[8:],
        "no JSON": content[:8] + b"\x00" * 50 + content[58:],
        "older format": content.replace(b"mlxfleet-prefix-", b"mlxfleet-prefiX-"),
        "other start": content.replace(b'"start": "256"', b'"start": "512"').replace(b'"end": "512"', b'"end": "768"'),
        "other tokens": content.replace(content[-1256:-1000], bytes(256)),
        "zeros": bytes(len(content)),
        "noise": np.random.default_rng(1).integers(0, 255, len(content)).astype(np.uint8).tobytes(),
    }


@pytest.mark.parametrize("damage", damaged(bytes(3000)))
def test_a_damaged_file_is_never_used_and_goes(
    damage: str, folder: Path, open_tier: Callable[..., CountingTier]
) -> None:
    tokens, segments = make_segments(3)
    tier = open_tier()
    write(tier, segments)
    tier.close()
    broken = folder / f"prefix-{segments[1].key.hex()}.safetensors"
    broken.write_bytes(damaged(broken.read_bytes())[damage])
    tier = open_tier()
    plan = tier.plan(anchors(BASE, tokens), tokens, 0, window=0, needs_state=False)
    read = [tier.read(entry) for entry in plan.entries] if plan else []
    assert read[0] is not None
    assert all(segment is None for segment in read[1:2])
    assert not broken.exists()
    assert planned(tier, tokens) == BLOCK
    # It can be written again, and then all of it is there.
    write(tier, [segments[1]])
    assert planned(tier, tokens) == 3 * BLOCK - 1


def test_files_of_another_model_are_not_used_and_go(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    tokens, segments = make_segments(2)
    tier = open_tier()
    write(tier, segments)
    tier.close()
    tier = open_tier(fingerprint="e" * 64)
    assert planned(tier, tokens) == 0
    assert files(folder) == []


def test_other_files_in_the_folder_are_left_alone(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    folder.mkdir()
    target = folder.parent / "target"
    target.write_text("precious")
    (folder / "model.safetensors").write_text("precious")
    (folder / "prefix-notes.safetensors").write_text("precious")
    (folder / f"prefix-{'a' * 40}.safetensors").symlink_to(target)
    (folder / f"prefix-{'b' * 40}.safetensors").mkdir()
    tier = open_tier()
    assert tier.size == 0
    assert (folder / "model.safetensors").read_text() == "precious"
    assert (folder / "prefix-notes.safetensors").read_text() == "precious"
    assert target.read_text() == "precious"


def test_the_folder_is_bounded_and_the_oldest_go_first(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    one = make_segments(1)[1]
    tier = open_tier()
    write(tier, one)
    size = tier.size
    tier.close()
    tokens, segments = zip(*(make_segments(1, seed) for seed in range(8)), strict=True)
    tier = open_tier(max_bytes=4 * size + 50)
    for each in segments:
        write(tier, each)
        assert tier.size <= 4 * size + 50
        assert sum(file.stat().st_size for file in files(folder)) == tier.size
    assert [planned(tier, each) > 0 for each in tokens] == [False] * 4 + [True] * 4
    assert tier.touch([segments[4][0].key]) == []
    assert tier.touch([segments[0][0].key]) == [segments[0][0].key]
    tier.close()
    # The order outlives a restart, and a smaller bound holds at once.
    tier = open_tier(max_bytes=2 * size + 50)
    assert [planned(tier, each) > 0 for each in tokens] == [False] * 4 + [True, False, False, True]
    assert not [file for file in folder.iterdir() if file.name.endswith(".tmp")]


def test_the_beginning_of_a_sequence_is_as_new_as_its_end(open_tier: Callable[..., CountingTier]) -> None:
    tokens, segments = make_segments(6)
    tier = open_tier()
    write(tier, segments)
    size = tier.size // 6
    tier.close()
    tier = open_tier(max_bytes=size * 3 + 50)
    assert planned(tier, tokens) == 3 * BLOCK


def test_a_longer_end_takes_the_place_of_a_shorter_one(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    tokens, (block,) = make_segments(1)
    shorter, longer = (Segment(block.anchor, 0, tokens[:count], None, None, block.arrays) for count in (100, 200))
    tier = open_tier()
    write(tier, [shorter])
    write(tier, [longer])
    assert len(files(folder)) == 1
    assert planned(tier, tokens) == 200
    state = Segment(block.anchor, 0, tokens[:50], None, [1], block.arrays)
    write(tier, [state, block])
    assert len(files(folder)) == 2
    plan = tier.plan(anchors(BASE, tokens), tokens, 0, window=0, needs_state=True)
    assert plan is not None
    assert plan.length == 50


def test_nothing_is_written_when_the_disk_is_nearly_full(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    tier = open_tier(reserve=Reserve(fraction=1.0, least_bytes=0))
    write(tier, make_segments(2)[1])
    assert files(folder) == []
    assert tier.is_on


def test_the_reserve_is_the_larger_of_both(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    slack = 1 << 30
    assert abs(Reserve(0, 0).writable(tmp_path) - free) < slack
    assert abs(Reserve(0.5, 0).writable(tmp_path) - (free - whole // 2)) < slack
    assert abs(Reserve(0, 10 * whole).writable(tmp_path) - (free - 10 * whole)) < slack
    assert Reserve() == Reserve(0.10, 5_000_000_000)


def test_a_full_disk_turns_the_tier_off_and_leaves_nothing_torn(
    folder: Path, open_tier: Callable[..., CountingTier], capfd: pytest.CaptureFixture[str]
) -> None:
    """A file size limit of the system stops the write in the middle, as a full disk does."""
    tokens, segments = make_segments(2, size=200_000)
    tier = open_tier()
    write(tier, segments[:1])
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        write(tier, segments[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not tier.is_on
    assert not tier.offer(segments[1])
    assert planned(tier, tokens) == 0
    assert [file.name for file in files(folder)] == [f"prefix-{segments[0].key.hex()}.safetensors"]
    assert not list(folder.glob("*.tmp"))
    assert capfd.readouterr().err.count(os.strerror(errno.EFBIG)) == 1
    tier.close()


class BlindReserve(Reserve):
    """Sees space where there is none, as when another program fills the disk in the same moment."""

    def writable(self, _folder: Path) -> int:
        return LARGEST


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_file_system_without_space_turns_the_tier_off(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        tokens, segments = make_segments(8, size=300_000)
        tier = DiskTier(mount / "prefixes", LARGEST, FINGERPRINT, reserve=BlindReserve())
        write(tier, segments)
        assert not tier.is_on
        assert 1 <= len(files(mount / "prefixes")) < 8
        tier.close()
        tier = DiskTier(mount / "prefixes", LARGEST, FINGERPRINT, reserve=NO_RESERVE)
        assert planned(tier, tokens) >= BLOCK
        tier.close()
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


@pytest.mark.parametrize("obstacle", ["file", "missing parent that is a file"])
def test_a_folder_that_cannot_be_made_turns_the_tier_off(obstacle: str, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("x")
    path = tmp_path / "blocked" if obstacle == "file" else tmp_path / "blocked" / "prefixes"
    tier = DiskTier(path, LARGEST, FINGERPRINT, reserve=NO_RESERVE)
    assert not tier.is_on
    assert not tier.offer(make_segments(1)[1][0])
    model = make_llama()
    cache = make_prefix_cache(model, disk=tier)
    prompt = random_tokens(np.random.default_rng(1), 300)
    assert serve(model, cache, [prompt], COUNT)[0] == [from_scratch(model, prompt, COUNT)]
    cache.close()


def test_a_file_that_has_gone_is_a_miss(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    prompt = random_tokens(np.random.default_rng(2), 700)
    cache = make_prefix_cache(model, disk=open_tier())
    serve(model, cache, [prompt], COUNT)
    cache.close()
    cache = make_prefix_cache(model, disk=open_tier())
    for file in files(folder):
        file.unlink()
    assert serve(model, cache, [prompt], COUNT) == ([from_scratch(model, prompt, COUNT)], [0])
    cache.close()


def test_a_second_process_reads_and_does_not_write_until_the_first_has_ended(
    folder: Path, open_tier: Callable[..., CountingTier]
) -> None:
    tokens, segments = make_segments(3)
    first = open_tier()
    write(first, segments[:2])
    second = open_tier(max_bytes=1)
    assert planned(second, tokens) == 2 * BLOCK
    second.discard(second.plan(anchors(BASE, tokens), tokens, 0, window=0, needs_state=False).entries[0], "test")
    write(second, segments[2:])
    assert len(files(folder)) == 2
    first.close()
    third = open_tier()
    # The lock has one owner at a time: whoever asks first.
    write(third, segments[2:])
    assert len(files(folder)) == 3
    assert planned(third, tokens) == 3 * BLOCK - 1


WRITER = """
import sys
from mlxfleet_worker.caches.disk_folder import Reserve
from mlxfleet_worker.caches.disk_tier import DiskTier
from test_caches_disk import FINGERPRINT, make_segments
tier = DiskTier(sys.argv[1], 1 << 30, FINGERPRINT, reserve=Reserve(0, 0))
print("ready", flush=True)
for seed in range(10_000):
    for segment in make_segments(2, seed, 400_000)[1]:
        while not tier.offer(segment):
            pass
"""


@pytest.mark.parametrize("delay", [0.0, 0.1])
def test_a_writer_that_is_killed_leaves_only_whole_files(
    delay: float, folder: Path, open_tier: Callable[..., CountingTier]
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 20
    while not files(folder) and time.monotonic() < deadline:
        time.sleep(0.001)
    # Not a wait for anything: the kill is to hit different moments of a write.
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    left = len(files(folder))
    assert left > 0
    tier = open_tier(1 << 30)
    assert len(files(folder)) == left
    assert not list(folder.glob("*.tmp"))
    whole = 0
    for seed in range(left + 1):
        tokens, _ = make_segments(2, seed, 1)
        plan = tier.plan(anchors(BASE, tokens), tokens, 0, window=0, needs_state=False)
        whole += sum(tier.read(entry) is not None for entry in plan.entries) if plan else 0
    assert whole >= left - 1
    tokens, segments = make_segments(2, 77_777)
    write(tier, segments)
    assert planned(tier, tokens) == 2 * BLOCK - 1


def test_what_is_on_disk_is_not_read_when_prefill_is_quicker(open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    prompt = random_tokens(np.random.default_rng(3), 700)
    cache = make_prefix_cache(model, disk=open_tier())
    serve(model, cache, [prompt], COUNT)
    cache.close()
    cache = make_prefix_cache(model, disk=open_tier())
    assert read_and_fetch(cache, prompt, 1e12) is None
    assert read_and_fetch(cache, prompt, 1.0) is not None
    cache.close()


def test_copying_for_the_disk_rests_while_requests_run(open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    tier = open_tier()
    cache = make_prefix_cache(model, disk=tier)
    prompt = random_tokens(np.random.default_rng(4), 1500)
    caches = make_cache(model, None)
    model(mx.array([prompt]), cache=caches)
    assert cache.insert(prompt, caches, "answer")
    begun, copying, waits = time.perf_counter(), [], True
    while waits:
        before = time.perf_counter()
        taken = tier.offered
        waits = cache.save_some()
        if tier.offered > taken:
            copying.append(time.perf_counter() - before)
    elapsed = time.perf_counter() - begun
    assert len(copying) == 6
    # A pause comes after each but the last. It keeps to a twentieth; the rest is for a machine under load.
    assert sum(copying[:-1]) < elapsed / 5
    cache.close()


def test_states_of_another_model_behind_the_same_fingerprint_are_refused(
    open_tier: Callable[..., CountingTier],
) -> None:
    prompt = random_tokens(np.random.default_rng(5), 700)
    first, second = make_llama(16), make_llama(32)
    cache = make_prefix_cache(first, disk=open_tier())
    serve(first, cache, [prompt], COUNT)
    cache.close()
    cache = make_prefix_cache(second, disk=open_tier())
    assert serve(second, cache, [prompt], COUNT) == ([from_scratch(second, prompt, COUNT)], [0])
    cache.close()


def make_model_folder(path: Path, weights: bytes = b"weights") -> Path:
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "adapter_config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(weights)
    os.utime(path / "model.safetensors", (1, 1))
    return path


def test_the_fingerprint_tells_models_adapters_and_precisions_apart(tmp_path: Path) -> None:
    model = make_model_folder(tmp_path / "model")
    adapter = make_model_folder(tmp_path / "adapter")
    other = make_model_folder(tmp_path / "other", b"weights of another size")
    prints = [
        model_fingerprint(model, None, None),
        model_fingerprint(model, None, 8),
        model_fingerprint(model, None, 4),
        model_fingerprint(model, adapter, None),
        model_fingerprint(model, other, None),
        model_fingerprint(other, None, None),
    ]
    assert len(set(prints)) == len(prints)
    assert model_fingerprint(model, None, None) == prints[0]
    os.utime(model / "model.safetensors", (2, 2))
    assert model_fingerprint(model, None, None) != prints[0]
    os.utime(model / "model.safetensors", (1, 1))
    assert model_fingerprint(model, None, None) == prints[0]
    (model / "config.json").write_text('{"rope_theta": 1}')
    assert model_fingerprint(model, None, None) != prints[0]


def test_a_tier_of_no_bytes_does_nothing(open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    cache = make_prefix_cache(model, disk=open_tier(max_bytes=0))
    assert cache.disk_bytes == 0
    prompt = random_tokens(np.random.default_rng(6), 300)
    assert serve(model, cache, [prompt], COUNT)[1] == [0]
    assert not cache.save_some()
    cache.close()
