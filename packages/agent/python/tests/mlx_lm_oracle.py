"""What mlx-lm itself generates, for one sequence at a time: what the engine's output is compared with."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm import load, stream_generate
from mlx_lm.sample_utils import make_logits_processors, make_sampler

WHOLE_CONTEXT = 1 << 30


class Oracle:
    """One model folder, loaded by mlx-lm."""

    def __init__(self, folder: Path) -> None:
        self.model, self.tokenizer = load(str(folder))

    def complete(self, prompt: list[int], max_tokens: int, sampling: dict[str, Any] | None = None) -> list[int]:
        """The tokens after a prompt, an end token included. `sampling` is the wire's; without one it is greedy.

        A seed is that of mlx's own random numbers, drawn by mlx-lm's own sampler.
        """
        wanted = {"temperature": 0} if sampling is None else {"temperature": 1.0, **sampling}
        mx.random.seed(wanted.get("seed", 0))
        responses = stream_generate(
            self.model,
            self.tokenizer,
            prompt,
            max_tokens=max_tokens,
            sampler=make_sampler(
                wanted["temperature"],
                top_p=wanted.get("top_p", 0.0),
                min_p=wanted.get("min_p", 0.0),
                top_k=wanted.get("top_k", 0),
            ),
            logits_processors=_processors(wanted, len(prompt)),
        )
        return [response.token for response in responses]

    def render(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, **options: Any) -> list[int]:
        """A conversation's prompt by the tokenizer's own template."""
        return list(self.tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, **options))


def _processors(sampling: dict[str, Any], prompt_length: int) -> list[Callable[[mx.array, mx.array], mx.array]]:
    bias = {int(token): value for token, value in sampling.get("logit_bias", {}).items()}
    processors = make_logits_processors(bias, sampling.get("repetition_penalty"), WHOLE_CONTEXT)
    presence, frequency = sampling.get("presence_penalty", 0.0), sampling.get("frequency_penalty", 0.0)
    if presence or frequency:
        processors.append(_OpenAiPenalties(prompt_length, presence, frequency))
    return processors


class _OpenAiPenalties:
    """As OpenAI's API says it: mlx-lm's own penalties count the prompt's tokens too."""

    def __init__(self, prompt_length: int, presence: float, frequency: float) -> None:
        self._prompt_length = prompt_length
        self._presence = presence
        self._frequency = frequency

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        for token, count in Counter(tokens[self._prompt_length :].tolist()).items():
            logits[0, token] -= self._presence + count * self._frequency
        return logits
