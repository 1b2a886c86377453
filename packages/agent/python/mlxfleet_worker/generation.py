"""The decoding step without what nobody asked for."""

from typing import Any

import mlx.core as mx
from mlx_lm.generate import GenerationBatch


class LeanGenerationBatch(GenerationBatch):
    """Decodes as mlx-lm 0.32.2 does, token for token, but keeps no log-probabilities.

    The library takes the vocabulary's log-probabilities of every row apart at each step, one array a row, and waits for
    them: with 32 rows a tenth of the step. A batch made by the library is merged into this one when its prompt is done.
    """

    def _step(self) -> tuple[list[int], list[Any]]:
        inputs = self._next_tokens
        logits = self.model(inputs[:, None], cache=self.prompt_cache)[:, -1, :]
        contexts: list[mx.array] = []
        if any(self.logits_processors):
            logits = self._process(inputs, logits, contexts)
        self._current_tokens = inputs
        self._next_tokens = self._sample(logits - mx.logsumexp(logits, axis=-1, keepdims=True))
        # The next step is computed while this one's tokens are handed out.
        mx.async_eval(self._next_tokens, contexts)
        # One list each: merging batches extends both.
        self._current_logprobs = [None] * len(self.uids)
        self._next_logprobs = [None] * len(self.uids)
        tokens = inputs.tolist()
        for history, token in zip(self.tokens, tokens, strict=True):
            history.append(token)
        return tokens, self._current_logprobs

    def _process(self, inputs: mx.array, logits: mx.array, contexts: list[mx.array]) -> mx.array:
        """Apply each row's own processors; `contexts` collects what has to be computed with the step."""
        rows = []
        for row, processors in enumerate(self.logits_processors):
            row_logits = logits[row : row + 1]
            if processors:
                context = self._token_context[row].update_and_fetch(inputs[row : row + 1])
                contexts.append(context)
                for processor in processors:
                    row_logits = processor(context, row_logits)
            rows.append(row_logits)
        return mx.concatenate(rows, axis=0)

    def _sample(self, logprobs: mx.array) -> mx.array:
        """The next token of each row: one call when all rows share a sampler."""
        samplers = [sampler or self.fallback_sampler for sampler in self.samplers]
        if all(sampler is samplers[0] for sampler in samplers):
            return samplers[0](logprobs)
        rows = [sampler(logprobs[row : row + 1]) for row, sampler in enumerate(samplers)]
        return mx.concatenate(rows, axis=0)
