"""What the processor made of images that the tower has not seen yet."""

import threading
from collections import OrderedDict

import numpy as np

from ..model.image_prompt import Inputs


class WaitingPixels:
    """Inputs by the key of their image, within a number of bytes; the oldest go first, and are processed again.

    Any thread may call it.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[str, Inputs] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def put(self, key: str, inputs: Inputs) -> None:
        """Keep the inputs of an image until they are taken."""
        with self._lock:
            self._remove(key)
            self._kept[key] = inputs
            self._size += _size(inputs)
            while self._size > self._limit:
                self._remove(next(iter(self._kept)))

    def take(self, key: str) -> Inputs | None:
        """The inputs of an image, which are not kept any longer; None where they are not."""
        with self._lock:
            return self._remove(key)

    def _remove(self, key: str) -> Inputs | None:
        inputs = self._kept.pop(key, None)
        if inputs is not None:
            self._size -= _size(inputs)
        return inputs


def _size(inputs: Inputs) -> int:
    return sum(each.nbytes for each in inputs.values() if isinstance(each, np.ndarray))
