"""The prefix cache as requests see it: by what their tokens and images are, in the scope of their client."""

from collections.abc import Iterator
from typing import Any

from ..caches.prefix_cache import Boundary, Hit, Kind, PrefixCache
from .request import Request


class RequestPrefixes:
    """What is kept of prompts, and nothing at all without a cache. For the engine thread."""

    def __init__(self, cache: PrefixCache | None) -> None:
        self._cache = cache

    @property
    def waits_for_others(self) -> bool:
        """Whether a prompt has anything of another one that is being computed."""
        return self._cache is not None

    @property
    def needs_checkpoints(self) -> bool:
        """Whether sequences can be continued only where their caches were inserted: Layout.needs_checkpoints."""
        return self._cache is not None and self._cache.needs_checkpoints

    @property
    def memory_bytes(self) -> int:
        """Bytes kept in memory."""
        return self._cache.memory_bytes if self._cache is not None else 0

    @property
    def is_held_up(self) -> bool:
        """Whether what waits for the disk has to wait for its writer first."""
        return self._cache is not None and self._cache.is_held_up

    def known_length(self, request: Request) -> int:
        """How many tokens of a prompt `fetch` would give. No image is cut."""
        if self._cache is None:
            return 0
        length = self._cache.known_length(request.key, request.cache_scope)
        while (whole := request.whole_images(length)) < length:
            # Not every sequence can be continued where an image begins.
            length = self._cache.known_length(_for(request, whole), request.cache_scope)
        return length

    def read(self, request: Request, prefill_tokens_per_second: float | None) -> Iterator[None]:
        """Take into memory what the disk has of a prompt; between two yields one file."""
        if self._cache is None:
            return iter(())
        return self._cache.read(request.key, prefill_tokens_per_second, scope=request.cache_scope)

    def fetch(self, request: Request) -> Hit | None:
        """The longest beginning of a prompt in memory that cuts no image."""
        if self._cache is None:
            return None
        key = request.key if request.images is None else _for(request, self.known_length(request))
        return self._cache.fetch(key, scope=request.cache_scope)

    def boundaries(self, request: Request, fetched: int) -> list[Boundary]:
        """Where prefill of a prompt, of which `fetched` tokens came from here, should stop for an insert, in order."""
        if self._cache is None:
            return []
        system, stable = request.beginnings
        return self._cache.boundaries(
            request.key, fetched, system_length=system, stable_length=stable, scope=request.cache_scope
        )

    def insert(self, request: Request, tokens: list[int], caches: list[Any], kind: Kind) -> None:
        """Keep what the caches of a request hold, which is these tokens."""
        if self._cache is not None:
            self._cache.insert(request.keyed(tokens), caches, kind, scope=request.cache_scope)

    def save_some(self, *, idle: bool = False) -> bool:
        """Bring some to the disk; returns whether more wait."""
        return self._cache is not None and self._cache.save_some(idle=idle)

    def fit(self, left: int | None) -> None:
        """Make way for completions that leave so many bytes; None is no bound."""
        if self._cache is not None and left is not None and self.memory_bytes > left:
            self._cache.shrink(left)

    def shrink(self, limit: int) -> None:
        """Keep at most so many bytes in memory for now."""
        if self._cache is not None:
            self._cache.shrink(limit)

    def close(self, seconds: float) -> None:
        """Bring them to the disk before the end, for about so many seconds at most."""
        if self._cache is not None:
            self._cache.close(seconds)


def _for(request: Request, length: int) -> list[int]:
    """What to ask for to be given so many tokens at most: the last one is always left to be computed."""
    return request.key[: length + 1]
