"""What tokens are called beside their log-probabilities, in OpenAI's shape."""

from typing import Any

from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, TokenizerWrapper

from .detokenizer import TokenBytes
from .logprobs import TokenLogprobs

SMALLEST_LOGPROB = -9999.0
"""What OpenAI's API says of a token that is as good as impossible."""


class TokenNames:
    """Bytes and text of single tokens; special tokens have their own names as text."""

    def __init__(self, tokenizer: TokenizerWrapper) -> None:
        self._tokenizer = tokenizer
        sample = tokenizer.detokenizer
        self._bytes = TokenBytes(sample.tokenmap) if isinstance(sample, BPEStreamingDetokenizer) else None

    def describe(self, token: int, logprobs: TokenLogprobs) -> dict[str, Any]:
        """The wire's log-probability of one token. Waits for the step that computed it."""
        logprob, alternatives = logprobs.read()
        return {
            **self._entry(token, logprob),
            "top_logprobs": [self._entry(each.token, each.logprob) for each in alternatives],
        }

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        data = self._bytes[token] if self._bytes is not None else self._tokenizer.decode([token]).encode()
        # JSON has neither infinity nor NaN, which is not greater than anything.
        known = logprob if logprob > SMALLEST_LOGPROB else SMALLEST_LOGPROB
        return {"token": data.decode("utf-8", "replace"), "bytes": list(data), "logprob": known}
