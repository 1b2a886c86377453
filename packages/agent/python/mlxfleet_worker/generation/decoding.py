"""The decoding step: mlx-lm's batch, with each row's own wishes and without what nobody asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import mlx.core as mx
from mlx import nn
from mlx_lm.generate import BatchGenerator, GenerationBatch, PromptProcessingBatch
from mlx_lm.models.cache import BatchRotatingKVCache, can_trim_prompt_cache, trim_prompt_cache
from mlx_lm.sample_utils import Sampler

from ..caches.layout import leaf_caches
from ..constraints.masks import prepare_masks
from ..constraints.matcher import Matcher
from ..speculation.speculation import Speculation
from ..tokens.logprobs import StepLogprobs, TokenLogprobs
from .sampling import SeededSampler, replace_rows


@dataclass(slots=True)
class RowWishes:
    """What one row wants beyond a token a step. Travels among the row's logits processors, where it does nothing."""

    constraint: Matcher | None = None
    top_logprobs: int | None = None
    """How many alternatives to report beside each token; None reports nothing."""
    begun: bool = False
    """Whether the first completion token has been fed back: the step before takes the prompt's last token."""

    def __call__(self, _tokens: mx.array, logits: mx.array) -> mx.array:
        """Leave the logits as they are."""
        return logits


class _RowPlan(NamedTuple):
    """What the rows of a batch have in common, made anew when rows come or go."""

    groups: list[tuple[Sampler, list[int]]]
    order: mx.array | None
    """Where each row's token is in the groups' tokens; None when there is one group."""
    processed: list[tuple[int, list[Callable[[mx.array, mx.array], mx.array]]]]
    constrained: list[tuple[int, RowWishes]]
    reported: list[tuple[int, int]]
    """Rows that want log-probabilities, each with its number of alternatives."""


class LeanGenerationBatch(GenerationBatch):
    """Decodes as mlx-lm 0.32.2 does, token for token.

    The library takes the vocabulary's log-probabilities of every row apart at each step, one array a row, and waits for
    them: with 32 rows a tenth of the step. Here only rows that asked have any. Rows that share a sampler are drawn in
    one call. Masks of constrained rows are computed by the processor while the device runs the model.
    """

    speculation: Speculation | None = None
    _plan: _RowPlan | None = None

    def next(self) -> list[GenerationBatch.Response]:
        """One step: a token of each row, or several of a row that is alone and whose text can be guessed."""
        if self.speculation is None or not self._can_speculate():
            return super().next()
        room = self.max_tokens[0] - self._num_tokens[0] - 1
        token = int(self._next_tokens.item())
        # The list stays the same object, which tells drafters that the text is the same.
        self.tokens[0].append(token)
        drafted = self.speculation.draft(self.tokens[0], room)
        self.tokens[0].pop()
        if not drafted:
            responses = super().next()
            self.speculation.step_ended(0, 0)
            return responses
        accepted = self._check(token, drafted)
        responses = self._hand_out([token, *drafted[:accepted]])
        self.speculation.step_ended(len(drafted), accepted)
        return responses

    def _can_speculate(self) -> bool:
        """Whether the only row draws each token without looking at those before."""
        return (
            len(self.uids) == 1
            and not self.logits_processors[0]
            and not isinstance(self.samplers[0], SeededSampler)
            and can_trim_prompt_cache(self.prompt_cache)
        )

    def _check(self, token: int, drafted: list[int]) -> int:
        """Run the model over the token and the guesses; returns how many guesses it draws itself.

        A guess counts when it is what the row's sampler draws in its place, so the distribution is the sampler's own.
        """
        logits = self.model(mx.array([[token, *drafted]]), cache=self.prompt_cache)[0]
        sampler = self.samplers[0] or self.fallback_sampler
        drawn = sampler(logits - mx.logsumexp(logits, axis=-1, keepdims=True)).tolist()
        accepted = 0
        while accepted < len(drafted) and drawn[accepted] == drafted[accepted]:
            accepted += 1
        trim_prompt_cache(self.prompt_cache, len(drafted) - accepted)
        self._next_tokens = mx.array(drawn[accepted : accepted + 1], dtype=mx.uint32)
        self._next_logprobs = [None]
        return accepted

    def _hand_out(self, tokens: list[int]) -> list[GenerationBatch.Response]:
        """Turn the only row's new tokens into responses, up to the one that ends it."""
        responses = []
        for place, token in enumerate(tokens):
            self.tokens[0].append(token)
            self._num_tokens[0] += 1
            reason = "length" if self._num_tokens[0] >= self.max_tokens[0] else None
            if self._matchers[0].advance(token):
                reason = "stop"
            if reason is None:
                responses.append(self.Response(self.uids[0], token, None, None, None, None))
                continue
            trim_prompt_cache(self.prompt_cache, len(tokens) - 1 - place)
            responses.append(self.Response(self.uids[0], token, None, reason, self.extract_cache(0), self.tokens[0]))
            self.filter([])
            break
        return responses

    def extend(self, batch: GenerationBatch) -> None:
        """Take over the rows of another batch."""
        super().extend(batch)
        self._plan = None

    def filter(self, keep: list[int]) -> None:
        """Keep only the rows with these indices."""
        super().filter(keep)
        self._plan = None

    def _step(self) -> tuple[list[int], list[TokenLogprobs | None]]:
        plan = self._plan
        if plan is None:
            plan = self._plan = self._make_plan()
        inputs = self._next_tokens
        logits = self.model(inputs[:, None], cache=self.prompt_cache)[:, -1, :]
        contexts: list[mx.array] = []
        if plan.processed:
            logits = self._process(plan, inputs, logits, contexts)
        if plan.constrained:
            logits = self._constrain(plan, inputs, logits)
        logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        self._current_tokens = inputs
        self._next_tokens = self._sample(plan, logprobs)
        self._current_logprobs, self._next_logprobs = self._next_logprobs, self._report(plan, logprobs)
        # The next step is computed while this one's tokens are handed out.
        mx.async_eval(self._next_tokens, contexts)
        tokens = inputs.tolist()
        for history, token in zip(self.tokens, tokens, strict=True):
            history.append(token)
        return tokens, self._current_logprobs

    def _make_plan(self) -> _RowPlan:
        groups: dict[int, tuple[Sampler, list[int]]] = {}
        processed, constrained, reported = [], [], []
        for row, (sampler, processors) in enumerate(zip(self.samplers, self.logits_processors, strict=True)):
            sampler = sampler or self.fallback_sampler
            groups.setdefault(id(sampler), (sampler, []))[1].append(row)
            own = [each for each in processors if not isinstance(each, RowWishes)]
            if own:
                processed.append((row, own))
            for wishes in processors:
                if not isinstance(wishes, RowWishes):
                    continue
                if wishes.constraint is not None:
                    constrained.append((row, wishes))
                if wishes.top_logprobs is not None:
                    reported.append((row, wishes.top_logprobs))
        rows = [row for _, members in groups.values() for row in members]
        order = None
        if len(groups) > 1:
            places = {row: place for place, row in enumerate(rows)}
            order = mx.array([places[row] for row in range(len(rows))])
        return _RowPlan(list(groups.values()), order, processed, constrained, reported)

    def _process(self, plan: _RowPlan, inputs: mx.array, logits: mx.array, contexts: list[mx.array]) -> mx.array:
        """Apply each row's own processors; `contexts` collects what has to be computed with the step."""
        rows = []
        for row, processors in plan.processed:
            context = self._token_context[row].update_and_fetch(inputs[row : row + 1])
            contexts.append(context)
            own = logits[row : row + 1]
            for processor in processors:
                own = processor(context, own)
            rows.append((row, own))
        return replace_rows(logits, rows)

    def _constrain(self, plan: _RowPlan, inputs: mx.array, logits: mx.array) -> mx.array:
        """Mask what the rows' grammars forbid. Waits for the tokens of the step before."""
        mx.async_eval(logits)
        tokens = inputs.tolist()
        constraints: list[Matcher | None] = [None] * len(tokens)
        for row, wishes in plan.constrained:
            constraints[row] = wishes.constraint
            if wishes.begun and wishes.constraint is not None:
                wishes.constraint.advance(tokens[row])
            wishes.begun = True
        return prepare_masks(constraints).apply(logits)

    def _sample(self, plan: _RowPlan, logprobs: mx.array) -> mx.array:
        """The next token of each row: one call for all rows that share a sampler."""
        if plan.order is None:
            return plan.groups[0][0](logprobs)
        drawn = [
            sampler(logprobs[rows[0] : rows[0] + 1] if len(rows) == 1 else logprobs[mx.array(rows)])
            for sampler, rows in plan.groups
        ]
        return mx.concatenate(drawn, axis=0)[plan.order]

    def _report(self, plan: _RowPlan, logprobs: mx.array) -> list[TokenLogprobs | None]:
        # One list each: merging batches extends both.
        report: list[TokenLogprobs | None] = [None] * len(self.uids)
        if plan.reported:
            step = StepLogprobs(logprobs, self._next_tokens, plan.reported)
            for place, (row, _) in enumerate(plan.reported):
                report[row] = TokenLogprobs(step, place)
        return report


class LeanPromptBatch(PromptProcessingBatch):
    """Prompts in prefill that go on as rows of a LeanGenerationBatch."""

    def prompt(self, tokens: list[list[int]]) -> None:
        """Process the next tokens of each prompt.

        A chunk of one token makes rings of the library's sliding windows. Its mask of a longer chunk takes them for
        ordered and hides the first token of every row that has padding (mlx-lm 0.32.2), so they are put in order first.
        """
        for cache in leaf_caches(self.prompt_cache):
            if isinstance(cache, BatchRotatingKVCache):
                cache._temporal_order()
        super().prompt(tokens)

    def split(self, indices: list[int]) -> "LeanPromptBatch":
        """Take out these rows. The library copies every cache, which nobody needs when all rows leave."""
        if len(indices) < len(self.uids):
            return super().split(indices)
        leaving = self._copy_of(self.prompt_cache)
        self.prompt_cache = []
        self.filter([])
        return leaving

    def generate(self, tokens: list[list[int]]) -> LeanGenerationBatch:
        """Begin to decode with each row's last prompt token."""
        generation = LeanGenerationBatch(
            self.model,
            self.uids,
            mx.array([row[-1] for row in tokens]),
            self.prompt_cache,
            self.tokens,
            self.samplers,
            self.fallback_sampler,
            self.logits_processors,
            self.stop_sequences,
            self.max_tokens,
        )
        self.prompt_cache = []
        self.filter([])
        return generation

    def _copy_of(self, prompt_cache: list[Any]) -> "LeanPromptBatch":
        """Return this batch with lists of its own and the caches given."""
        batch = LeanPromptBatch.empty(self.model, self.fallback_sampler, self.prefill_step_size)
        batch.prompt_cache = prompt_cache
        for name in ("uids", "tokens", "samplers", "logits_processors", "stop_sequences", "max_tokens"):
            setattr(batch, name, list(getattr(self, name)))
        return batch


def make_generator(model: nn.Module, speculation: Speculation | None = None, **options: Any) -> BatchGenerator:
    """mlx-lm's generator with these batches in it; `options` are its own."""
    generator = BatchGenerator(model, **options)
    generator._generation_batch = LeanGenerationBatch.empty(model, generator.sampler)
    generator._generation_batch.speculation = speculation
    generator._prompt_batch = LeanPromptBatch.empty(model, generator.sampler)
    return generator
