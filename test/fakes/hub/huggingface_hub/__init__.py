"""A hub without network: what mlxfleet_worker.download needs of the library, with its order of files."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

from . import constants

__all__ = ["HfApi", "constants", "snapshot_download"]


class HfApi:
    """Knows every model."""

    def model_info(self, _repository: str, timeout: float, files_metadata: bool) -> SimpleNamespace:
        """Tell the files with their sizes, of the weights FAKE_HUB_BYTES: the model is there, and in time."""
        assert timeout > 0
        assert files_metadata
        weights = int(os.environ.get("FAKE_HUB_BYTES", "7"))
        lfs = SimpleNamespace(sha256="sum")
        files = [
            SimpleNamespace(rfilename="tokenizer.json", size=2, blob_id="tokenizer", lfs=None),
            SimpleNamespace(rfilename="model.safetensors", size=weights, blob_id="pointer", lfs=lfs),
            SimpleNamespace(rfilename="1_Pooling/config.json", size=None, blob_id="pooling", lfs=None),
            SimpleNamespace(rfilename="model.bin", size=100, blob_id="unwanted", lfs=None),
        ]
        return SimpleNamespace(siblings=files)


def snapshot_download(repository: str, allow_patterns: list[str]) -> None:
    """Write reference, configuration, weights and tokenizer.

    FAKE_HUB_FAILS ends it before the tokenizer: as `disk` for want of room, otherwise by a lost connection.
    """
    assert "model*.safetensors" in allow_patterns
    folder = Path(constants.HF_HUB_CACHE, "models--" + repository.replace("/", "--"))
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True, exist_ok=True)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text("abc")
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").write_text("weights")
    blobs = folder / "blobs"
    blobs.mkdir(exist_ok=True)
    (blobs / "sum").write_text("weights")
    if os.environ.get("FAKE_HUB_FAILS") == "disk":
        raise OSError(errno.ENOSPC, "No space left on device")
    if os.environ.get("FAKE_HUB_FAILS"):
        (blobs / "tokenizer.0123abcd.incomplete").write_text("{")
        (blobs / "other.0123abcd.incomplete").write_text("somebody else's")
        raise ConnectionError("cut off before the tokenizer")
    (blobs / "tokenizer").write_text("{}")
