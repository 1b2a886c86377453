"""One segment as a file: safetensors, whose metadata says what it is and has a checksum of everything."""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .nodes import BLOCK
from .segment import RawArray, Segment

FORMAT = "mlxfleet-prefix-1"
LARGEST_HEADER = 1 << 20
"""Bytes. A model of 200 layers with states needs a tenth of it."""


class BadFileError(Exception):
    """A file that is torn, of another format or not ours."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the head of a file says. Sizes in bytes, positions in tokens."""

    key: bytes
    anchor: bytes
    start: int
    end: int
    window_start: int | None
    has_state: bool
    size: int

    @property
    def is_block(self) -> bool:
        """Whether it is a whole block, and not only the beginning of one."""
        return self.end - self.start == BLOCK

    def covers(self, *, window_start: int | None, has_state: bool) -> bool:
        """Whether windows from there on, and a state if there is one, are in the file."""
        windows = window_start is None or (self.window_start is not None and self.window_start <= window_start)
        return windows and (self.has_state or not has_state)

    def replaces(self, other: "Entry") -> bool:
        """Whether this one, whose tokens begin with those of the other, has all that the other has."""
        return (
            self.key != other.key
            and self.covers(window_start=other.window_start, has_state=False)
            and not other.has_state
        )


def encode(segment: Segment, fingerprint: str) -> list[bytes | memoryview]:
    """The parts of the file, in order."""
    arrays = {"ids": RawArray("I32", segment.tokens.shape, segment.tokens.tobytes()), **segment.arrays}
    header: dict[str, Any] = {}
    at = 0
    for name, array in arrays.items():
        size = len(array.data)
        header[name] = {"dtype": array.dtype, "shape": list(array.shape), "data_offsets": [at, at + size]}
        at += size
    metadata = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "anchor": segment.anchor.hex(),
        "start": str(segment.start),
        "end": str(segment.end),
        "window_start": json.dumps(segment.window_start),
        "state": json.dumps(segment.state),
    }
    data = [array.data for array in arrays.values()]
    metadata["checksum"] = _checksum(header, metadata, data)
    text = json.dumps({"__metadata__": metadata, **header}).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *data]


def read_entry(path: Path, fingerprint: str) -> Entry:
    """What a file's head says. Raises BadFileError, and OSError other than for a file that ends too soon."""
    with _open(path) as file:
        header, _, size = _read_header(file)
        try:
            return _entry(header["__metadata__"], path, fingerprint, size)
        except (KeyError, TypeError, ValueError) as error:
            raise BadFileError(f"metadata: {error}") from error


def read_segment(path: Path, fingerprint: str) -> Segment:
    """The whole file, verified. Raises BadFileError and OSError."""
    with _open(path) as file:
        header, begin, size = _read_header(file)
        data = bytearray(size - begin)
        if file.readinto(data) != len(data):
            raise BadFileError("it ends too soon")
    try:
        metadata = header.pop("__metadata__")
        entry = _entry(metadata, path, fingerprint, size)
        expected = metadata.pop("checksum")
        if _checksum(header, metadata, [data]) != expected:
            raise BadFileError("the checksum is another")
        view = memoryview(data).toreadonly()
        arrays = {
            name: RawArray(field["dtype"], tuple(field["shape"]), view[slice(*field["data_offsets"])])
            for name, field in header.items()
        }
        tokens = np.frombuffer(arrays.pop("ids").data, np.int32)
        state = json.loads(metadata["state"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFileError(f"metadata: {error}") from error
    segment = Segment(entry.anchor, entry.start, tokens, entry.window_start, state, arrays)
    if segment.end != entry.end or segment.key != entry.key:
        raise BadFileError("it holds other tokens")
    return segment


def _open(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0)


def _read_header(file: Any) -> tuple[dict[str, Any], int, int]:
    """The header, where the data begins, and the size of the file, which must be that which the header gives."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(LARGEST_HEADER, size - 8):
        raise BadFileError("no header")
    try:
        header = json.loads(file.read(length))
        ends = [field["data_offsets"][1] for name, field in header.items() if name != "__metadata__"]
        complete = max(ends) == size - 8 - length
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise BadFileError(f"header: {error}") from error
    if not complete:
        raise BadFileError("its size is another")
    return header, 8 + length, size


def _entry(metadata: dict[str, str], path: Path, fingerprint: str, size: int) -> Entry:
    if metadata["format"] != FORMAT or metadata["fingerprint"] != fingerprint:
        raise BadFileError("of another format or another model")
    start, end = int(metadata["start"]), int(metadata["end"])
    window_start = json.loads(metadata["window_start"])
    if start < 0 or start % BLOCK or not start < end <= start + BLOCK:
        raise BadFileError("no part of a block")
    if window_start is not None and not (isinstance(window_start, int) and start <= window_start < end):
        raise BadFileError("windows of other tokens")
    return Entry(
        key=bytes.fromhex(file_key(path)),
        anchor=bytes.fromhex(metadata["anchor"]),
        start=start,
        end=end,
        window_start=window_start,
        has_state=json.loads(metadata["state"]) is not None,
        size=size,
    )


def file_name(key: bytes) -> str:
    """The name of the file with this key. DiskFolder knows the pattern."""
    return f"prefix-{key.hex()}.safetensors"


def file_key(path: Path) -> str:
    """The key in a file's name, in hexadecimal."""
    return path.name.removeprefix("prefix-").removesuffix(".safetensors")


def _checksum(header: dict[str, Any], metadata: dict[str, str], data: list[Any]) -> str:
    """CRC-32 of everything but itself: against bad storage, not against people, who could not write here."""
    value = zlib.crc32(json.dumps([header, metadata], sort_keys=True).encode())
    for each in data:
        value = zlib.crc32(each, value)
    return f"{value:08x}"
