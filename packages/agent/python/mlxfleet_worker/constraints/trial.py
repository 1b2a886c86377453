"""Tries grammars in a process of their own before they are let into the worker."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ..child_process import end_process, killed_at
from .limits import MAX_TRIAL_WALL_SECONDS
from .reasons import TOO_COMPLEX

IDLE_SECONDS = 60.0
"""How long the process waits for another grammar: it takes 0.1 s to start, and 25 MB."""

FATAL = tuple(-each for each in (signal.SIGPROF, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGKILL))
"""How a grammar ends the process: by its limit of time, a stack overflow, or no memory. It may never end the worker."""

PACKAGE_ROOT = Path(__file__).parents[2]


class TrialUnavailableError(Exception):
    """The process could not be started or did not answer, which says nothing about the grammar."""


class Trials:
    """The process, started when it is needed and ended when it is not. Called by any thread, one at a time."""

    def __init__(self, vocabulary_size: int, special_tokens: Mapping[int, str]) -> None:
        """Try grammars for so many tokens, of which these are special."""
        self._vocabulary = {"size": vocabulary_size, "special_tokens": dict(special_tokens)}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._idle: threading.Timer | None = None

    def error(self, grammar: str) -> str:
        """What llguidance says against a grammar, or that it costs too much; empty when there is nothing.

        Takes at most MAX_TRIAL_SECONDS of processor time. Raises TrialUnavailableError.
        """
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                return self._ask(grammar)
            except OSError as error:
                self._end()
                raise TrialUnavailableError(str(error)) from error
            finally:
                self._idle = threading.Timer(IDLE_SECONDS, self.close)
                self._idle.daemon = True
                self._idle.start()

    def close(self) -> None:
        """End the process; the next grammar starts another one."""
        with self._lock:
            self._end()

    def _ask(self, grammar: str) -> str:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        with killed_at(process, time.monotonic() + MAX_TRIAL_WALL_SECONDS) as overdue:
            print(json.dumps(grammar), file=process.stdin, flush=True)
            answer = process.stdout.readline()
        if answer.endswith("\n"):
            return self._error_in(answer)
        code = process.wait()
        self._end()
        if code in FATAL and not overdue.is_set():
            return TOO_COMPLEX
        raise TrialUnavailableError(f"no answer came, and the process ended with {code}")

    def _error_in(self, answer: str) -> str:
        """What one line of the process says."""
        with contextlib.suppress(ValueError, LookupError, TypeError):
            if isinstance(error := json.loads(answer)["error"], str):
                return error
        # The answers of a process that writes other lines would go to other grammars.
        self._end()
        raise TrialUnavailableError("the answer was none")

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.trial_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
            text=True,
            errors="replace",
        )
        self._process = process
        print(json.dumps(self._vocabulary), file=process.stdin, flush=True)
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_process(process)
