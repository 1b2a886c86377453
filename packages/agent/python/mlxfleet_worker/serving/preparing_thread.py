"""A thread that prepares requests, so that a long one stalls neither the engine nor pings."""

import queue
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ..log import log
from ..wire.errors import RequestError
from ..wire.replies import ReplyChannel
from .limits import MAX_FAILED_PREPARATIONS, PreparationBrokenError
from .registry import Registry, Tracked


class PreparingThread:
    """Requests, or questions, in order of arrival. Plain Python values only, no MLX."""

    def __init__(
        self,
        prepare: Callable[[Any, Any], None],
        replies: ReplyChannel,
        registry: Registry,
        wait: Callable[[Any], None] = lambda _: None,
    ) -> None:
        """Take note of the work: `prepare` is called with each request and the model, and hands the request on.

        It may raise RequestError for the request's own faults, and anything else for those of the worker. `wait` is
        called with the model before each, and returns when there is room for what is prepared.
        """
        self._wait = wait
        self._prepare = prepare
        self._replies = replies
        self._registry = registry
        self._queue: queue.SimpleQueue[Tracked] = queue.SimpleQueue()
        self._begun: float | None = None
        self._failures = 0

    @property
    def seconds(self) -> float:
        """For how long it has been at its present task; 0 while it has none. Safe from any thread."""
        begun = self._begun
        return 0.0 if begun is None else time.perf_counter() - begun

    def submit(self, task: Tracked) -> None:
        """Hand over a new task; those that come before the model wait for it."""
        self._queue.put(task)

    def run(self, model: Any) -> NoReturn:
        """Prepare for ever. Raises PreparationBrokenError when it cannot, and MemoryError."""
        while True:
            task = self._queue.get()
            self._wait(model)
            self._begun = time.perf_counter()
            if not task.cancelled:
                self._attempt(task, model)
            self._begun = None
            # Or what it holds would be kept until another one comes, which may wait for just that.
            del task

    def _attempt(self, request: Tracked, model: Any) -> None:
        try:
            self._prepare(request, model)
        except RequestError as error:
            self._fail(request, error)
        except MemoryError:
            raise
        except Exception as error:
            # Only its type: the message may quote the prompt.
            message = f"The {request.param} could not be prepared ({type(error).__name__})."
            log(message)
            self._fail(request, RequestError(message, request.param, "internal"))
            self._failures += 1
            if self._failures >= MAX_FAILED_PREPARATIONS:
                raise PreparationBrokenError(f"{self._failures} requests in a row could not be prepared") from error
        else:
            self._failures = 0

    def _fail(self, request: Tracked, error: RequestError) -> None:
        if self._registry.remove(request):
            self._replies.send_failed(request.id, error)
