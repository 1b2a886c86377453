"""What says that two runs compute the same caches."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

WEIGHTS = ("*.safetensors", "*.npz", "*.gguf")


def model_fingerprint(model: Path, adapter: Path | None, kv_bits: int | None) -> str:
    """A digest of the configuration, of the weight files' names, sizes and times, of the adapter and the libraries.

    Files are not read, only config.json and adapter_config.json. Raises OSError when a folder cannot be read.
    """
    parts = {
        "model": _folder(model, "config.json"),
        "adapter": None if adapter is None else _folder(adapter, "adapter_config.json"),
        "kv_bits": kv_bits,
        "libraries": {name: version(name) for name in ("mlx", "mlx-lm")},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _folder(folder: Path, configuration: str) -> list[object]:
    weights = sorted(file for pattern in WEIGHTS for file in folder.glob(pattern))
    states = ((file.name, file.stat()) for file in weights)
    return [
        hashlib.sha256((folder / configuration).read_bytes()).hexdigest(),
        [(name, state.st_size, state.st_mtime_ns) for name, state in states],
    ]
