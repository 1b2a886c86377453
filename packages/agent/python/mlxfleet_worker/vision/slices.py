"""Work of a vision tower in slices, so that decoding goes on between them.

MLX computes nothing before it is asked to. While a tower is called, the output of each of its parts is noted; asked for
one after the other, they make the work of the whole in pieces of a few milliseconds.
"""

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten


class Slices:
    """The parts of one model's tower. For the engine thread."""

    def __init__(self, parts: list[Any]) -> None:
        """Watch the innermost modules in these parts, of which a model may keep several in a list."""
        self._noted: list[mx.array] | None = None
        for _, part in tree_flatten(parts, is_leaf=lambda each: isinstance(each, nn.Module)):
            for module in part.modules():
                if not module.children():
                    self._watch(module)

    def of(self, compute: Any) -> "tuple[Any, Iterator[mx.array]]":
        """Call `compute`; returns what it returns, not computed yet, and what to evaluate before it, in order."""
        self._noted = noted = []
        try:
            result = compute()
        finally:
            self._noted = None
        return result, _in_order(noted)

    def _watch(self, part: nn.Module) -> None:
        """Note what this part gives. Its class becomes one that does so, since calls are looked up there."""
        slices, plain = self, type(part)

        class Watched(plain):  # type: ignore[misc, valid-type]
            def __call__(self, *arguments: Any, **options: Any) -> Any:
                output = plain.__call__(self, *arguments, **options)
                if slices._noted is not None and isinstance(output, mx.array):
                    slices._noted.append(output)
                return output

        Watched.__name__, Watched.__qualname__ = plain.__name__, plain.__qualname__
        part.__class__ = Watched


def _in_order(noted: list[mx.array]) -> Iterator[mx.array]:
    noted.reverse()
    while noted:
        # Not kept here: what comes after it holds it for as long as it is needed.
        yield noted.pop()
