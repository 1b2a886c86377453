"""What a tower made of images, for further questions about them."""

from collections import OrderedDict

from .tower import Features


class FeatureCache:
    """Features by the key of what they show, within a number of bytes; the least recently used go first.

    For the engine thread; the size may be read by any.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self.size = 0
        """Bytes kept."""

    def get(self, key: str) -> Features | None:
        """The features of an image, which are used now; None where they are not known."""
        features = self._kept.get(key)
        if features is not None:
            self._kept.move_to_end(key)
        return features

    def put(self, key: str, features: Features) -> None:
        """Keep the features of an image, unless they are larger than the whole room."""
        if key in self._kept or features.nbytes > self._limit:
            return
        self._kept[key] = features
        self.size += features.nbytes
        self.shrink(self._limit)

    def shrink(self, size: int) -> None:
        """Keep at most so many bytes for now."""
        while self.size > size:
            _, features = self._kept.popitem(last=False)
            self.size -= features.nbytes
