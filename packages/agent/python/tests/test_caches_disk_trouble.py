"""Nothing that can happen to the files of prefixes, or to their disk, gives a wrong state."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caches_support import (
    from_scratch,
    make_llama,
    make_prefix_cache,
    random_tokens,
    serve,
)
from disk_support import COUNT, FINGERPRINT, LARGEST, NO_RESERVE, CountingTier, files, make_segments, planned, write
from mlxfleet_worker.caches.disk_folder import Reserve
from mlxfleet_worker.caches.disk_tier import DiskTier
from mlxfleet_worker.caches.fingerprint import model_fingerprint
from mlxfleet_worker.caches.nodes import BLOCK, anchors
from mlxfleet_worker.caches.prefix_cache import BASE


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


class NoMemory(Reserve):
    """Finds no memory to look."""

    def writable(self, _folder: Path) -> int:
        raise MemoryError("of 99 bytes")


def test_an_error_that_is_none_of_the_system_turns_the_tier_off_too(
    folder: Path, open_tier: Callable[..., CountingTier], capfd: pytest.CaptureFixture[str]
) -> None:
    tier = open_tier(reserve=NoMemory())
    write(tier, make_segments(2)[1])
    assert not tier.is_on
    assert files(folder) == []
    assert capfd.readouterr().err.count("could not be written: MemoryError") == 1
    tier.close()


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
from disk_support import FINGERPRINT, make_segments
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
