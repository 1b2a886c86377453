"""The engine's batch in this process, on models that have no folder, with the engine's way of admitting."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from mlx import nn

from caches_support import VOCABULARY
from mlxfleet_worker.caches.prefix_cache import PrefixCache
from mlxfleet_worker.generation.batch import Batch
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.wire.frames import GenerateFrame
from mlxfleet_worker.wire.parameters import Sampling
from mlxfleet_worker.wire.prompts import Beginnings, TokensPrompt

GREEDY = Sampling(temperature=0)


def make_batch(model: nn.Module, prefixes: PrefixCache | None, max_size: int = 8, **options: Any) -> Batch:
    text_model = SimpleNamespace(model=model, vocabulary_size=VOCABULARY, end_tokens=frozenset())
    batch = Batch(text_model, max_size, prefixes=prefixes, **options)  # type: ignore[arg-type]
    batch.warm_up()
    return batch


def make_request(prompt: list[int], count: int, sampling: Sampling = GREEDY, **beginnings: int) -> Request:
    request = Request(GenerateFrame("request", TokensPrompt(prompt), count, sampling, []))
    request.prompt = list(prompt)
    request.max_tokens = count
    request.beginnings = Beginnings(**beginnings)
    return request


class Run:
    """Requests from their arrival to their end. `cached` is what each had from the prefix cache once it began."""

    def __init__(self, batch: Batch, requests: list[Request]) -> None:
        self._batch = batch
        self.waiting = list(requests)
        self.tokens: dict[Request, list[int]] = {request: [] for request in requests}
        self.cached: dict[Request, int] = {}

    def arrive(self, request: Request) -> None:
        self.waiting.append(request)
        self.tokens[request] = []

    def step(self) -> None:
        """Admit who may begin, and make one step."""
        read_until = self._batch.read_until()
        for request in list(self.waiting):
            if not self._batch.has_room or self._batch.is_prefilling_for(request):
                continue
            if self._batch.is_reading_for(request, read_until):
                continue
            self.waiting.remove(request)
            self.cached[request] = self._batch.add(request)
        if not len(self._batch):
            return
        for new in self._batch.step():
            self.tokens[new.request].append(new.token)

    def to_the_end(self) -> "Run":
        return self.until(lambda: not self.waiting and not len(self._batch))

    def until(self, condition: Callable[[], bool]) -> "Run":
        for _ in range(10_000):
            if condition():
                return self
            self.step()
        raise AssertionError("the requests do not come to an end")


def complete_all(batch: Batch, requests: list[Request]) -> tuple[list[list[int]], list[int]]:
    """Completions, and how many prompt tokens of each came from the prefix cache."""
    run = Run(batch, requests).to_the_end()
    return [run.tokens[request] for request in requests], [run.cached[request] for request in requests]
