"""A process that compiles a grammar before the worker does, and may be lost in doing so.

llguidance bounds most of what a schema can cost, but not all of it: chains of references end in a stack overflow, some
intersections take minutes. Reads one line that describes the vocabulary, then answers each line with one line. Ends
with its input.
"""

import contextlib
import json
import random
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from .limits import MAX_TRIAL_BYTES, MAX_TRIAL_SECONDS, TRIAL_STACK_BYTES, parser_limits

STEPS = 48
"""Tokens taken after compiling: enough to come to the members of an object."""


class _ByteVocabulary:
    """Single bytes and the model's special tokens; its other tokens are there and empty."""

    def __init__(self, size: int, special_tokens: dict[int, str]) -> None:
        # Behind the model's own, whose vocabulary may have no room for all bytes beside its special tokens.
        self.byte_tokens = list(range(size, size + 256))
        self.bos_token_id = None
        self.eos_token_id = size + 256
        self.tokens = [b""] * (size + 257)
        for token, name in special_tokens.items():
            self.tokens[token] = name.encode()
        self.tokens[self.eos_token_id] = b"<|end of trial|>"
        self.special_token_ids = [*special_tokens, self.eos_token_id]
        for byte, token in enumerate(self.byte_tokens):
            self.tokens[token] = bytes([byte])

    def __call__(self, text: bytes) -> list[int]:
        """Tokenize, as llguidance asks of a tokenizer."""
        return [self.byte_tokens[byte] for byte in text]


class Trial(Protocol):
    """What is done with each grammar."""

    def error(self, grammar: str) -> str:
        """What is wrong with a grammar; empty when nothing is."""


class _GrammarTrial:
    """Compiles a grammar and follows it for some steps, in tokens of one byte."""

    def __init__(self, vocabulary: _ByteVocabulary) -> None:
        self._tokenizer = LLTokenizer(TokenizerWrapper(vocabulary))
        self._mask_bytes = max(vocabulary.byte_tokens) // 8 + 1
        self._byte_tokens = frozenset(vocabulary.byte_tokens)

    def error(self, grammar: str) -> str:
        """What is wrong with a grammar; empty when nothing is."""
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=parser_limits())
        choices = random.Random(0)
        for _ in range(STEPS):
            if matcher.is_stopped():
                break
            mask = matcher.compute_bitmask()[: self._mask_bytes]
            allowed = [
                token
                for place, bits in enumerate(mask)
                if bits
                for token in range(place * 8, place * 8 + 8)
                if bits >> token % 8 & 1 and token in self._byte_tokens
            ]
            if matcher.is_error() or not allowed:
                break
            matcher.consume_token(choices.choice(allowed))
        return matcher.get_error()


def main(make_trial: Callable[[_ByteVocabulary], Trial] = _GrammarTrial) -> None:
    """Answer until the input ends."""
    vocabulary = json.loads(sys.stdin.readline())
    special_tokens = {int(token): name for token, name in vocabulary["special_tokens"].items()}
    trial = make_trial(_ByteVocabulary(vocabulary["size"], special_tokens))
    _limit_memory()
    threading.stack_size(TRIAL_STACK_BYTES)
    for line in sys.stdin:
        errors: list[str] = []
        thread = threading.Thread(target=_try, args=(trial, json.loads(line), errors))
        # Without a handler SIGPROF ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_PROF, MAX_TRIAL_SECONDS)
        thread.start()
        thread.join()
        signal.setitimer(signal.ITIMER_PROF, 0)
        if not errors:
            # It raised, for want of memory as a rule. Rust ends the process then, and so does this: what is left of its
            # memory would not do for the next grammar either.
            signal.raise_signal(signal.SIGKILL)
        print(json.dumps({"error": errors[0]}), flush=True)


def _try(trial: Trial, grammar: str, errors: list[str]) -> None:
    errors.append(trial.error(grammar))


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Only Linux tells its size there, and only Linux enforces the limit.
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        pages = int(statm.read().split()[0])
        limit = pages * resource.getpagesize() + MAX_TRIAL_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
