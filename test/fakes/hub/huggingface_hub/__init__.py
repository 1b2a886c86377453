"""A hub without network: what mlxfleet_worker.download needs of the library, with its order of files."""

import os
from pathlib import Path

from . import constants

__all__ = ["HfApi", "constants", "snapshot_download"]


class HfApi:
    """Knows every model."""

    def model_info(self, _repository: str, timeout: float) -> None:
        """Say nothing: the model is there, and in time."""
        assert timeout > 0


def snapshot_download(repository: str, allow_patterns: list[str]) -> None:
    """Write reference, configuration and weights; FAKE_HUB_FAILS ends it before the tokenizer."""
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
    if os.environ.get("FAKE_HUB_FAILS"):
        (blobs / "tokenizer.0123abcd.incomplete").write_text("{")
        (blobs / "other.0123abcd.incomplete").write_text("somebody else's")
        raise ConnectionError("cut off before the tokenizer")
    (blobs / "tokenizer").write_text("{}")
