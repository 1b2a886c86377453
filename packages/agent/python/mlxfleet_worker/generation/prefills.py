"""Prompts that are being computed, where they are to stop, and who waits for what they compute. No MLX."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..caches.prefix_cache import Boundary
from ..tokens.common_length import common_length
from .request import Request

LONGEST_LEAVING = 512
"""Tokens of a prompt that new ones may be padded to while it leaves: longer ones would cost more than a pass."""
LEAST_SHARED = 128
"""Tokens of prefill that make it worth waiting for another prompt: fewer are computed beside it at little cost."""


@dataclass(slots=True)
class Prefill:
    """What is known of a prompt that is not decoding yet."""

    request: Request
    known: int
    """Tokens that came from the prefix cache."""
    computed: int
    """Tokens that its caches hold, the known ones included."""
    boundaries: deque[Boundary]
    """Where its caches are to be kept, the next one first."""
    awaited: dict[Request, int] = field(default_factory=dict)
    """Requests that wait for its caches, and up to which length."""

    @property
    def is_computed(self) -> bool:
        """Whether only the last token is left, with which it goes on to decode."""
        return self.computed == len(self.request.prompt) - 1


class Shared(NamedTuple):
    """A beginning that a prompt has in common with one that is being computed."""

    uid: int
    length: int


class Prefills:
    """All of them, by the batch's number of the row."""

    def __init__(self) -> None:
        self._prefills: dict[int, Prefill] = {}

    def __len__(self) -> int:
        return len(self._prefills)

    @property
    def leaving(self) -> int:
        """How many prompts are computed but for the last token, with which they go on to decode in the next step.

        Only short ones: others can begin in the step in which these leave, padded to their length for a moment.
        """
        return sum(each.is_computed and each.computed < LONGEST_LEAVING for each in self._prefills.values())

    @property
    def to_compute(self) -> int:
        """How many prompts the next pass is over."""
        return sum(not each.is_computed for each in self._prefills.values())

    @property
    def longest(self) -> int:
        """The most tokens that any of the prompts has left to compute."""
        return max((len(each.request.prompt) - each.computed for each in self._prefills.values()), default=0)

    def begin(self, uid: int, request: Request, known: int, boundaries: Sequence[Boundary]) -> None:
        """A prompt whose first `known` tokens are there."""
        self._prefills[uid] = Prefill(request, known, known, deque(boundaries))

    def end(self, uid: int) -> None:
        """The row decodes now, or is gone; nobody waits for it any longer."""
        self._prefills.pop(uid, None)

    def computed(self, uid: int) -> int:
        """Tokens that a row's caches hold."""
        return self._prefills[uid].computed

    def advance(self, uid: int, progress: int) -> Boundary | None:
        """Say how many tokens of the row were computed so far; returns the boundary that it has come to."""
        prefill = self._prefills[uid]
        prefill.computed = prefill.known + progress
        prefill.awaited = {each: length for each, length in prefill.awaited.items() if length > prefill.computed}
        if not prefill.boundaries or prefill.boundaries[0].length != prefill.computed:
            return None
        return prefill.boundaries.popleft()

    def is_awaited_by(self, request: Request) -> bool:
        """Whether a request waits for one of them."""
        return any(request in prefill.awaited for prefill in self._prefills.values())

    def longest_shared(self, request: Request) -> Shared | None:
        """The longest beginning that this prompt could have from another's caches; None where all are short."""
        shared = [
            Shared(uid, request.whole_images(_shared_length(request.key, prefill.request.key)))
            for uid, prefill in self._prefills.items()
            if prefill.request.cache_scope == request.cache_scope
        ]
        longest = max(shared, key=lambda each: each.length, default=None)
        return None if longest is None or longest.length < LEAST_SHARED else longest

    def wait(self, request: Request, shared: Shared) -> None:
        """Have a request wait for a length that the row has not come to yet, which becomes a boundary of the row."""
        prefill = self._prefills[shared.uid]
        prefill.awaited[request] = shared.length
        if all(boundary.length != shared.length for boundary in prefill.boundaries):
            prefill.boundaries = deque(sorted([*prefill.boundaries, Boundary(shared.length, "prompt")]))


def cut(segments: list[list[int]], length: int) -> None:
    """Cut segments, in place, so that one of them ends after so many tokens."""
    for place, segment in enumerate(segments):
        if length < len(segment):
            if length:
                segments[place : place + 1] = [segment[:length], segment[length:]]
            return
        length -= len(segment)


def _shared_length(prompt: list[int], other: list[int]) -> int:
    """Without the last token of each, whose logits are wanted and which therefore no cache holds in time."""
    if prompt[:LEAST_SHARED] != other[:LEAST_SHARED]:
        return 0
    return min(common_length(prompt, other), len(prompt) - 1, len(other) - 1)
