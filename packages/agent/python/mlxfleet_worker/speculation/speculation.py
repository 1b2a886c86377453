"""Several tokens a step while one completion runs alone: guesses that the model checks in one forward pass."""

import time
from dataclasses import dataclass

from ..model.text_model import TextModel
from ..wire.frames import SpeculationSettings
from .drafting import Drafter, DraftModel, PromptLookup
from .payoff import Payoff


@dataclass(slots=True)
class Speculation:
    """Who drafts, how much at once, and whether it pays."""

    drafters: list[tuple[Drafter, Payoff]]
    """In the order of preference: the first that pays and has an idea is asked."""
    most_tokens: int
    drafted: int = 0
    accepted: int = 0
    _used: Payoff | None = None
    _begun: float = 0.0

    def draft(self, tokens: list[int], count: int) -> list[int]:
        """Guess at most `count` tokens after `tokens`; empty when a plain step is better."""
        self._begun = time.perf_counter()
        self._used = None
        count = min(count, self.most_tokens)
        if count < 1:
            return []
        for drafter, payoff in self.drafters:
            if not payoff.choose():
                continue
            guess = drafter.draft(tokens, count)
            if guess:
                self._used = payoff
                return guess
        return []

    def step_ended(self, drafted: int, accepted: int) -> None:
        """Say how the step went that followed a `draft`: the model itself gave one token more than were accepted."""
        seconds = time.perf_counter() - self._begun
        self.drafted += drafted
        self.accepted += accepted
        if self._used is not None:
            self._used.record(speculated=True, tokens=accepted + 1, seconds=seconds)
            return
        for _, payoff in self.drafters:
            payoff.record(speculated=False, tokens=1, seconds=seconds)


def make_speculation(settings: SpeculationSettings, model: TextModel) -> Speculation | None:
    """What the settings ask for; None when they ask for nothing. Raises what DraftModel raises."""
    drafters: list[tuple[Drafter, Payoff]] = []
    if settings.prompt_lookup:
        drafters.append((PromptLookup(), Payoff()))
    if settings.draft_path is not None:
        drafters.append((DraftModel(settings.draft_path, model.tokenizer), Payoff()))
    return Speculation(drafters, settings.tokens) if drafters else None
