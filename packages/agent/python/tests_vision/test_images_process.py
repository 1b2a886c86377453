"""The process that decodes: started when needed, lost without harm, bounded, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from images_support import GOOD, Spool, spool
from mlxfleet_worker.images.limits import MEMORY_EXIT_CODE, Limits
from mlxfleet_worker.wire.errors import RequestError
from pdf_files import GREEN, RED, many_groups, pages_of, recursive_form
from waiting import is_running, wait_until

PACKAGE_ROOT = Path(__file__).parents[1]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Spool]:
    with spool(tmp_path / "spool") as made:
        yield made


def pid_of(files: Spool) -> int:
    files.check_works()
    assert files.pid is not None
    return files.pid


def test_it_starts_with_the_first_file_and_serves_many(files: Spool) -> None:
    assert files.pid is None
    assert files.decode() == []
    assert files.pid is None
    assert pid_of(files) == pid_of(files)


def test_a_lost_process_is_replaced(files: Spool) -> None:
    pid = pid_of(files)
    os.kill(pid, signal.SIGKILL)
    assert pid_of(files) != pid


def test_an_idle_process_ends(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", Limits(idle_seconds=0.2)) as files:
        pid = pid_of(files)
        wait_until(lambda: not is_running(pid))
        files.check_works()


def test_a_process_that_is_killed_over_an_image_is_replaced(files: Spool) -> None:
    medium = files.medium(many_groups(3000), kind="pdf")
    pid = pid_of(files)
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    error = files.refusal(medium)
    assert error.kind == "media"
    assert error.message == "The document could not be decoded: it ended the decoder."
    assert files.pid != pid


def test_a_process_that_gets_no_time_is_given_up(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", Limits(wall_seconds=0.5)) as files:
        medium = files.medium(GOOD)
        os.kill(pid_of(files), signal.SIGSTOP)
        error = files.refusal(medium)
        assert (error.kind, error.message) == ("media", "The image takes too long to decode.")


def test_slow_images_of_one_request_have_their_time_together(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", Limits(wall_seconds=1.0)) as files:
        media = [files.medium(many_groups(50 + number), kind="pdf") for number in range(20)]
        begun = time.monotonic()
        assert "too long" in files.refusal(*media).message
        assert time.monotonic() - begun < 5


def test_memory_is_bounded(tmp_path: Path) -> None:
    """The default time is more than enough to take more than there may be."""
    with spool(tmp_path / "spool", max_pixels=1_000_000) as files:
        error = files.refusal(files.medium(recursive_form(), kind="pdf"))
        assert error.kind == "media"
        assert "ended the decoder" in error.message or "too much memory" in error.message


def test_a_process_that_cannot_start_is_an_internal_error(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", Limits(start_seconds=0.0)) as files:
        with pytest.raises(RequestError) as caught:
            files.image(GOOD)
        assert caught.value.kind == "internal"


def test_a_cancelled_request_gets_nothing_and_the_next_one_its_own(files: Spool) -> None:
    asked = 0

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4

    media = [files.medium(pages_of([RED, GREEN]), kind="pdf"), files.medium(GOOD), files.medium(GOOD[:40])]
    assert files.decode(*media, is_cancelled=lambda: True) == []
    assert files.pid is None
    assert files.decode(*media, is_cancelled=is_cancelled) == []
    files.check_works()


ENVIRONMENT = "MLXFLEET_TEST_SECRET"


def test_it_gets_nothing_of_the_worker(files: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its variables nor its descriptors: an end of a pipe that it held would stay open."""
    monkeypatch.setenv(ENVIRONMENT, "s3cret")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    pid = pid_of(files)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)
    shown = subprocess.run(["ps", "eww", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    assert "PYTHONPATH" in shown
    assert "s3cret" not in shown


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads limits from /proc")
def test_the_kernel_holds_its_limits(files: Spool) -> None:
    process = Path("/proc") / str(pid_of(files))
    lines = (process / "limits").read_text().splitlines()[1:]
    limits = {line[:26].strip(): tuple(line[26:].split()[:2]) for line in lines}
    assert limits["Max core file size"] == limits["Max file size"] == ("0", "0")
    assert limits["Max open files"] == ("64", "64")
    assert 0 < int(limits["Max address space"][1]) < 4 << 30
    assert len(list((process / "fd").iterdir())) == 4
    assert (process / "cwd").resolve() == Path("/")


WORKER = """
import os, sys, signal, threading, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from images_support import Spool, GOOD
from pdf_files import many_groups
{before}
files = Spool(Path({folder!r}))
files.check_works()
{after}
"""


def worker(folder: Path, *, after: str, before: str = "", cwd: Path | None = None) -> str:
    """What a process prints that decodes a good image, and does this before and after."""
    folder.mkdir(exist_ok=True)
    code = WORKER.format(tests=str(Path(__file__).parent), folder=str(folder), before=before, after=after)
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout


def test_where_the_worker_was_started_is_no_matter(tmp_path: Path) -> None:
    end = "print('done')"
    assert worker(tmp_path / "spool", after=end, cwd=Path("/")) == "done\n"
    (tmp_path / "trap").mkdir()
    for name in ("PIL", "json", "resource", "mlxfleet_worker", "pypdfium2"):
        (tmp_path / "trap" / f"{name}.py").write_text("raise SystemExit(1)")
    assert worker(tmp_path / "spool", after=end, cwd=tmp_path / "trap") == "done\n"
    (tmp_path / "gone").mkdir()
    gone = f"os.rmdir({str(tmp_path / 'gone')!r})"
    assert worker(tmp_path / "spool", before=gone, after=end, cwd=tmp_path / "gone") == "done\n"
    (tmp_path / "closed").mkdir()
    closed = f"os.chmod({str(tmp_path / 'closed')!r}, 0)"
    assert worker(tmp_path / "spool", before=closed, after=end, cwd=tmp_path / "closed") == "done\n"


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_with_the_worker(tmp_path: Path, busy: bool) -> None:
    start = "medium = files.medium(many_groups(3000), kind='pdf')\n"
    start += "threading.Thread(target=files.decode, args=(medium,)).start()\ntime.sleep(0.3)"
    end = "print(files.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    pid = int(worker(tmp_path / "spool", after=f"{start if busy else ''}\n{end}"))
    begun = time.monotonic()
    wait_until(lambda: not is_running(pid))
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("how", ["terminated", "end of input"])
def test_it_ends_when_told_to(tmp_path: Path, how: str) -> None:
    settings = f'{{"spool": "{tmp_path}", "max_pixels": 1000, "memory_bytes": 1000000000, "cpu_seconds": 5}}\n'
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlxfleet_worker.images.process"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(settings.encode())
        process.stdin.flush()
        assert process.stdout.readline() == b'{"ready": true}\n'
        if how == "terminated":
            process.terminate()
        else:
            process.stdin.close()
        assert process.wait(timeout=10) == (-signal.SIGTERM if how == "terminated" else 0)


WATCHED = """
import io, sys
sys.path.insert(0, {tests!r})
from pdf_files import recursive_form
from mlxfleet_worker.images.document import Document
from mlxfleet_worker.images.watchdog import start_watchdog
start_watchdog(200 << 20)
Document(io.BytesIO(recursive_form())).draw(1, 72, 768, 50_000_000)
"""


def test_the_watchdog_ends_what_takes_too_much_memory_where_the_system_does_not(tmp_path: Path) -> None:
    """As on macOS: there is no other limit in this process."""
    code = WATCHED.format(tests=str(Path(__file__).parent))
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert ended.returncode == MEMORY_EXIT_CODE


BESIDE_A_MODEL = """
import subprocess, sys
model = b"x" * (400 << 20)
code = "from mlxfleet_worker.images.watchdog import start_watchdog; start_watchdog(50 << 20);"
code += "import time; taken = b'x' * (150 << 20); time.sleep(3)"
print(subprocess.run([sys.executable, "-P", "-c", code]).returncode)
"""


def test_the_watchdog_counts_nothing_of_a_worker_that_is_large(tmp_path: Path) -> None:
    """Linux has ru_maxrss of a child begin at its parent's: a process could take as much as the model."""
    shown = subprocess.run(
        [sys.executable, "-P", "-c", BESIDE_A_MODEL],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert int(shown.stdout) == MEMORY_EXIT_CODE


def test_the_worker_needs_no_codec_to_ask(tmp_path: Path) -> None:
    """Pillow's and PDFium's code, and a model's, are in the side process alone."""
    code = "import mlxfleet_worker.images.decoder, sys; print(*sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
    shown = subprocess.run([sys.executable, "-P", "-c", code], env=env, cwd=tmp_path, capture_output=True, check=True)
    loaded = set(shown.stdout.decode().split())
    assert not loaded & {"PIL", "pypdfium2", "mlx", "transformers", "numpy"}
