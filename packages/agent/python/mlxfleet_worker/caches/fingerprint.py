"""What says that two runs compute the same caches."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

WEIGHTS = ("*.safetensors", "*.npz", "*.gguf")


PROCESSORS = "*processor_config.json"
IMAGE_LIBRARIES = ("mlx-vlm", "transformers", "pillow", "pypdfium2")
"""What decodes images and cuts them to the model's size."""


def model_fingerprint(model: Path, adapter: Path | None, kv_bits: int | None, *, sees_images: bool = False) -> str:
    """A digest of the configuration, of the weight files' names, sizes and times, of the adapter and the libraries.

    Weights are not read. With `sees_images` it holds what the model is shown of an image too: prefixes are known by the
    files of their images. Raises OSError when a folder cannot be read.
    """
    parts = {
        "model": _folder(model, "config.json"),
        "adapter": None if adapter is None else _folder(adapter, "adapter_config.json"),
        "kv_bits": kv_bits,
        "libraries": {name: version(name) for name in ("mlx", "mlx-lm")},
    }
    if sees_images:
        parts["images"] = {
            "libraries": {name: version(name) for name in IMAGE_LIBRARIES},
            "processors": [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(model.glob(PROCESSORS))],
        }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _folder(folder: Path, configuration: str) -> list[object]:
    weights = sorted(file for pattern in WEIGHTS for file in folder.glob(pattern))
    states = ((file.name, file.stat()) for file in weights)
    return [
        hashlib.sha256((folder / configuration).read_bytes()).hexdigest(),
        [(name, state.st_size, state.st_mtime_ns) for name, state in states],
    ]
