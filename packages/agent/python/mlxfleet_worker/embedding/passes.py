"""Which inputs share a forward pass. Pure decisions, no MLX."""

from bisect import bisect_right
from collections import deque
from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from .pass_cost import PassCost

FIRST_TOKENS = 256
MOST_TOKENS = 8192
"""Beyond this a pass gains nothing on any machine, and its activations take hundreds of megabytes."""
PASS_SECONDS = 0.25
"""How long new requests and cancels wait for a pass at most, unless a single input takes longer."""
MOST_PADDING = 2
"""An input joins a pass when it is padded to this multiple of its length at most."""


class Work(NamedTuple):
    """One input of a request: how many tokens it has, which is one or more, and its place in the request."""

    length: int
    owner: Hashable
    index: int


class PassBudget:
    """How many tokens, padding included, a pass takes at the cost that was measured."""

    def __init__(self) -> None:
        self._cost = PassCost()

    @property
    def tokens(self) -> int:
        """For the next pass. At least 1: a pass has one input, however long that is."""
        if not self._cost.is_known:
            return FIRST_TOKENS
        fixed, each = self._cost.costs()
        # Where a pass by itself takes longer than it may, what takes as long again is nearly free.
        return max(1, min(int(max(PASS_SECONDS - fixed, fixed) / each), MOST_TOKENS))

    def record(self, tokens: int, seconds: float) -> None:
        """Learn from a pass."""
        self._cost.record(tokens, seconds)


class Passes:
    """Inputs that wait, of several requests.

    Requests take turns: the one whose turn it is brings its longest input, and inputs of any request that are about as
    long fill the pass. So a request with one input waits for one pass of each other request, and not for all of them.
    """

    def __init__(self) -> None:
        self._turns: deque[Hashable] = deque()
        self._waiting: dict[Hashable, list[Work]] = {}
        """Of each request, the shortest first; none is empty."""

    def __len__(self) -> int:
        """How many requests have inputs that wait."""
        return len(self._turns)

    def add(self, work: list[Work]) -> None:
        """Take all inputs of one request."""
        owner = work[0].owner
        self._waiting[owner] = sorted(work, key=_length)
        self._turns.append(owner)

    def remove(self, owner: Hashable) -> None:
        """Forget a request that is over."""
        if self._waiting.pop(owner, None) is not None:
            self._turns.remove(owner)

    def next(self, tokens: int) -> list[Work]:
        """Take out the inputs of one pass of so many tokens, padding included: at least one, unless none waits."""
        if not self._turns:
            return []
        owner = self._turns[0]
        self._turns.rotate(-1)
        first = self._waiting[owner].pop()
        work = [first, *self._take_similar(first.length, tokens // first.length - 1)]
        for done in [owner for owner, waiting in self._waiting.items() if not waiting]:
            self.remove(done)
        return work

    def _take_similar(self, length: int, count: int) -> Iterator[Work]:
        """Take out at most `count` inputs of at most this length, the longest first."""
        least = -(-length // MOST_PADDING)
        longest = []
        for order, waiting in enumerate(self._waiting.values()):
            place = bisect_right(waiting, length, key=_length) - 1
            if place >= 0:
                heappush(longest, (-waiting[place].length, order, place, waiting))
        while longest and count > 0 and -longest[0][0] >= least:
            _, order, place, waiting = heappop(longest)
            yield waiting.pop(place)
            count -= 1
            if place > 0:
                heappush(longest, (-waiting[place - 1].length, order, place - 1, waiting))


def _length(work: Work) -> int:
    return work.length
