"""One embedding request on its way through the worker."""

from typing import Any

from ..wire.frames import EmbedFrame
from .passes import Work


class EmbeddingRequest:
    """What is known of one request. The preparing thread fills in the rows, the engine thread the vectors.

    `cancelled` is set by the reader and only read elsewhere.
    """

    __slots__ = ("cancelled", "frame", "left", "rows", "vectors")

    def __init__(self, frame: EmbedFrame) -> None:
        self.frame = frame
        self.cancelled = False
        self.rows: list[list[int]] = []
        self.vectors: list[str] = [""] * len(frame.inputs)
        self.left = len(frame.inputs)

    @property
    def id(self) -> str:
        """The agent's name for it."""
        return self.frame.id

    @property
    def param(self) -> str:
        """The field that it is about, as messages name it."""
        return "input"

    def name(self, index: int) -> tuple[str, str]:
        """How messages call this input, and how `param` does."""
        return ("input", "input") if len(self.frame.inputs) == 1 else (f"input[{index}]", f"input.{index}")

    def work(self) -> list[Work]:
        """Its inputs, to be computed in any order."""
        return [Work(len(row), self, index) for index, row in enumerate(self.rows)]

    def take(self, index: int, vector: str) -> bool:
        """Take one result; true when it was the last."""
        self.vectors[index] = vector
        self.left -= 1
        return self.left == 0

    def reply(self) -> dict[str, Any]:
        """The frame that ends it."""
        prompt_tokens = sum(len(row) for row in self.rows)
        return {"type": "embedded", "id": self.id, "embeddings": self.vectors, "prompt_tokens": prompt_tokens}
