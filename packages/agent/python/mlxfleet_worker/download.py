"""One-shot: fetch a model from the hub into the Hugging Face cache.

Prints JSON lines: {"event": "found", "total_bytes": N} once the hub knows the model, {"event": "progress", "bytes": N}
now and then, and {"event": "done"} at the end, or {"event": "failed", "reason": R, "message": M} and exit code 1.
Reasons are unknown, unreachable, disk and failed. `total_bytes` is 0 where the hub does not say the sizes of files.
Ends when stdin does, so it never outlives the agent.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

# What the worker needs of a repository: weights, tokenizer, template and configuration.
PATTERNS = [
    "*.json",
    "model*.safetensors",
    "*.jinja",
    "*.model",
    "*.tiktoken",
    "*.txt",
]
LOOK_UP_SECONDS = 8
# Lies in the model's folder of the cache from the first file to the last: the agent takes a model for complete only
# without it. A download that is cut off leaves it behind, and the next one goes on.
INCOMPLETE_MARK = ".mlxfleet-incomplete"
# Left free on the disk: logs and stored conversations go on being written.
SPARE_BYTES = 500_000_000
PROGRESS_SECONDS = 0.5


class Wanted(NamedTuple):
    """The files that are fetched: their sizes together, 0 where the hub does not say, and their names in the cache."""

    total_bytes: int
    blobs: frozenset[str]


def say(event: str, **fields: str | int) -> None:
    """Print one event, in one piece: a thread tells the progress."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def fail(reason: str, message: str) -> int:
    """Print the failure; the result is the exit code."""
    say("failed", reason=reason, message=message)
    return 1


def end_with_stdin() -> None:
    """Wait for the end of stdin, then end the process."""
    # Not sys.stdin: its lock, held by this thread, would abort the interpreter's shutdown.
    while os.read(0, 1):
        pass
    os._exit(2)


def remove_leftovers(blobs: Path) -> None:
    """Remove parts of files that are whole by now: the library begins a file anew, and never removes an old part."""
    for part in blobs.glob("*.*.incomplete"):
        name, _, _ = part.name.rsplit(".", 2)
        if (blobs / name).exists():
            part.unlink(missing_ok=True)


def wanted_files(info: Any) -> Wanted:
    """Of what the hub says of a repository, the files that are fetched."""
    files = [file for file in info.siblings or () if any(fnmatch(file.rfilename, pattern) for pattern in PATTERNS)]
    names = (file.lfs.sha256 if file.lfs else file.blob_id for file in files)
    return Wanted(sum(file.size or 0 for file in files), frozenset(name for name in names if name))


def old_parts(blobs: Path) -> frozenset[str]:
    """Names of parts in the cache. None of them is gone on with: each download begins parts of its own."""
    return frozenset(part.name for part in blobs.glob("*.incomplete"))


def held_bytes(blobs: Path, names: frozenset[str], ignored: frozenset[str]) -> int:
    """Bytes of these files that are in the cache, of each whole or its longest part, but for ignored parts."""
    sizes: dict[str, int] = {}
    try:
        for entry in os.scandir(blobs):
            name = entry.name.split(".", 1)[0]
            if name in names and entry.name not in ignored:
                sizes[name] = max(sizes.get(name, 0), entry.stat().st_size)
    except OSError:
        # There is no folder yet, or a part has just become whole: the next look tells.
        pass
    return sum(sizes.values())


def shortage(folder: Path, needed: int) -> str | None:
    """Say why the disk of a folder, which need not be there yet, cannot take so many bytes; None when it can."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES <= free:
        return None
    return f"it takes {needed / 1e9:.1f} GB more, and the disk has {free / 1e9:.1f} GB free"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a failure, or what led to it, is a disk or a quota without room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        error = error.__cause__ or error.__context__
    return False


def tell_progress(bytes_so_far: Callable[[], int], ended: threading.Event) -> None:
    """Print the progress until the download has ended."""
    while not ended.wait(PROGRESS_SECONDS):
        say("progress", bytes=bytes_so_far())


def fetch(model: str, folder: Path, bytes_so_far: Callable[[], int]) -> int:
    """Fetch the files into the model's folder of the cache; the result is the exit code."""
    from huggingface_hub import snapshot_download

    mark = folder / INCOMPLETE_MARK
    ended = threading.Event()
    teller = threading.Thread(target=tell_progress, args=(bytes_so_far, ended), daemon=True)
    teller.start()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        snapshot_download(model, allow_patterns=PATTERNS)
        remove_leftovers(folder / "blobs")
        mark.unlink()
    except Exception as error:  # told to the client by its kind, without paths
        if is_disk_full(error):
            return fail("disk", "the disk is full")
        return fail("failed", f"the download failed ({type(error).__name__})")
    finally:
        ended.set()
        teller.join()
    say("progress", bytes=bytes_so_far())
    say("done")
    return 0


def main(model: str) -> int:
    """Fetch the model; the result is the exit code."""
    threading.Thread(target=end_with_stdin, daemon=True).start()
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        wanted = wanted_files(HfApi().model_info(model, timeout=LOOK_UP_SECONDS, files_metadata=True))
    except GatedRepoError:
        return fail("unknown", "the hub asks for an account that may read it (set HF_TOKEN)")
    except RepositoryNotFoundError:
        return fail("unknown", "the hub does not have it either")
    except HfHubHTTPError:
        return fail("failed", "the hub answered with an error")
    except Exception:  # whatever the network does, the answer is the same
        return fail("unreachable", "the hub could not be reached")
    folder = Path(constants.HF_HUB_CACHE, f"models--{model.replace('/', '--')}")
    bytes_so_far = partial(held_bytes, folder / "blobs", wanted.blobs, old_parts(folder / "blobs"))
    obstacle = shortage(folder, wanted.total_bytes - bytes_so_far())
    if obstacle is not None:
        return fail("disk", obstacle)
    say("found", total_bytes=wanted.total_bytes)
    return fetch(model, folder, bytes_so_far)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
