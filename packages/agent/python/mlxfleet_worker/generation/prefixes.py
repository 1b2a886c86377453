"""The prefix cache that a load frame asks for."""

from pathlib import Path

from ..caches.disk_tier import DiskTier
from ..caches.fingerprint import model_fingerprint
from ..caches.layout import Layout
from ..caches.prefix_cache import PrefixCache
from ..caches.quantized import make_cache
from ..model.text_model import TextModel
from ..wire.frames import LoadFrame


def open_prefix_cache(frame: LoadFrame, model: TextModel) -> PrefixCache | None:
    """Open it; None when the frame gives it no memory. Raises UnsupportedCacheError for `kv_bits` that cannot be."""
    layout = Layout.probe(model.model, lambda: make_cache(model.model, frame.kv_bits))
    settings = frame.prefix_cache
    if not settings.memory_bytes:
        return None
    disk = None
    if settings.disk_path is not None and settings.disk_bytes:
        adapter = None if frame.adapter_path is None else Path(frame.adapter_path)
        fingerprint = model_fingerprint(Path(frame.path), adapter, frame.kv_bits, sees_images=frame.task == "vision")
        disk = DiskTier(settings.disk_path, settings.disk_bytes, fingerprint)
    return PrefixCache(layout, settings.memory_bytes, disk)
