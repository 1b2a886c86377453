"""Images of prompts on their way into the batch."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx

from ..log import log
from ..model.image_prompt import SeeingModel
from ..wire.errors import RequestError
from .request import Request
from .request_prefixes import RequestPrefixes

Turn = dict[Request, list[mx.array]]
"""What each prompt whose turn it is asks to have computed."""


class Failure(NamedTuple):
    """A request whose images cannot be encoded."""

    request: Request
    error: RequestError


class Encoded(NamedTuple):
    """What came of a while of work."""

    has_advanced: bool
    """False where all prompts wait for something."""
    failures: list[Failure]


class Encodings:
    """What the model makes of images, bit by bit between decoding steps. For the engine thread."""

    def __init__(self, seeing: SeeingModel | None, prefixes: RequestPrefixes) -> None:
        """Take the model where it is shown images; images that a kept prefix holds need not be encoded."""
        self._seeing = seeing
        self._prefixes = prefixes
        self._lanes = seeing.lanes if seeing else 0

    def go_on(self, requests: Sequence[Request], until: float) -> Encoded:
        """Work on the images of the first of these prompts, a slice of each at a time, until that `time.perf_counter`.

        However late it is, the first of them that can goes on. `is_encoded` of a request tells when there is no more to
        do.
        """
        failures: list[Failure] = []
        left = deque(request for request in requests if not request.is_encoded)
        lanes: list[Request] = []
        has_advanced = False
        while left or lanes:
            while left and len(lanes) < self._lanes:
                lanes.append(left.popleft())
            turn = self._turn(lanes, failures)
            self._compute(turn, failures)
            has_advanced = has_advanced or any(parts or request.is_encoded for request, parts in turn.items())
            if has_advanced and time.perf_counter() >= until:
                break
            # Who asks for nothing is done, or waits for an image that another prompt is at. That one may stand behind
            # it, without a lane: kept, the lane would be waited for by the one that is to make the image.
            lanes = [request for request in lanes if turn.get(request, True) and not request.is_encoded]
        return Encoded(has_advanced, failures)

    def _turn(self, lanes: list[Request], failures: list[Failure]) -> Turn:
        """The next slices of these prompts' images; a prompt with several may take the turn of those behind it."""
        turn: Turn = {}
        taken = 0
        for request in lanes:
            if taken < self._lanes:
                turn[request] = self._next(request, failures)
                taken += len(turn[request])
        return turn

    def _next(self, request: Request, failures: list[Failure]) -> list[mx.array]:
        """The next slices of a prompt's images; none where there are none, now or at all."""
        assert request.images is not None
        assert self._seeing is not None
        try:
            if request.encoding is None:
                request.encoding = self._seeing.encode_images(request.images, self._prefixes.known_length(request))
            return next(request.encoding)
        except StopIteration:
            request.is_encoded = True
        except Exception as error:
            failures.append(_failed(request, error))
        return []

    def _compute(self, turn: Turn, failures: list[Failure]) -> None:
        """Compute side by side, and apart: what has no memory, say, fails alone."""
        for evaluate in (mx.async_eval, mx.eval):
            for request, parts in turn.items():
                if request.is_encoded:
                    continue
                try:
                    evaluate(parts)
                except Exception as error:
                    failures.append(_failed(request, error))

    def show(self, request: Request, caches: list[Any], known: int) -> bool:
        """Give the caches of a prompt its images behind the first `known` tokens.

        False where they are to be encoded once more: a prefix that held them then has been given up meanwhile.
        """
        if request.images is None or self._seeing is None:
            return True
        if not self._seeing.has_encoded(request.images, known):
            request.encoding, request.is_encoded = None, False
            return False
        self._seeing.place(caches, request.images)
        return True

    def end(self, request: Request) -> None:
        """Give up what only the prefill of a prompt needs."""
        if request.images is not None and self._seeing is not None:
            self._seeing.forget_embeddings(request.images)

    def shrink(self, limit: int) -> None:
        """Keep at most so many bytes of what was made of images for now."""
        if self._seeing is not None:
            self._seeing.shrink_features(limit)


def _failed(request: Request, error: Exception) -> Failure:
    """End a request's encoding: others may go on with the images that it was at."""
    log(f"images could not be encoded: {type(error).__name__}: {error}")
    request.is_encoded = True
    if request.encoding is not None:
        request.encoding.close()
        request.encoding = None
    # Not the error itself: its frames hold the request, and would until Python looks for such circles.
    return Failure(request, RequestError(f"The images could not be encoded: {error}", None, "internal"))
