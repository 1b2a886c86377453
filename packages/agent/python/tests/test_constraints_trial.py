"""The process that tries grammars: it comes back, leaves nothing behind, and its absence is nobody's fault."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from constraints_support import close, make_factory
from mlxfleet_worker.constraints import trial
from mlxfleet_worker.constraints.reasons import TOO_COMPLEX
from mlxfleet_worker.constraints.trial import Trials, TrialUnavailableError
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import JsonConstraint
from waiting import is_running, wait_until

GRAMMAR = 'start: "a"'


@pytest.fixture
def trials() -> Iterator[Trials]:
    trials = Trials(259, {0: "<|end|>"})
    yield trials
    trials.close()


def process_of(trials: Trials) -> subprocess.Popen[str]:
    assert trials.error(GRAMMAR) == ""
    assert trials._process is not None
    return trials._process


def test_one_process_serves_many_grammars(trials: Trials) -> None:
    assert process_of(trials) is process_of(trials)
    assert "unknown name" in trials.error("start: missing")
    assert trials.error(GRAMMAR) == ""


def test_a_lost_process_is_replaced(trials: Trials) -> None:
    process = process_of(trials)
    process.kill()
    process.wait()
    assert process_of(trials) is not process


def test_closing_ends_the_process_and_the_next_grammar_starts_another(trials: Trials) -> None:
    process = process_of(trials)
    trials.close()
    assert process.poll() is not None
    trials.close()
    assert process_of(trials) is not process


def test_an_idle_process_ends(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "IDLE_SECONDS", 0.2)
    process = process_of(trials)
    wait_until(lambda: process.poll() is not None)
    assert trials.error(GRAMMAR) == ""


def test_a_process_that_gets_no_time_says_nothing_about_the_grammar(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "MAX_TRIAL_WALL_SECONDS", 0.2)
    process = process_of(trials)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(TrialUnavailableError):
        trials.error(GRAMMAR)
    monkeypatch.undo()
    assert trials.error(GRAMMAR) == ""


def test_a_process_that_cannot_start_is_an_internal_error(tiny_text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = make_factory(tiny_text)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(RequestError) as caught:
            factory.json(JsonConstraint(None))
        assert caught.value.kind == "internal"
    factory.json(JsonConstraint(None))
    close(factory)


def run_instead(monkeypatch: pytest.MonkeyPatch, path: Path, code: str) -> None:
    """Have this program started in place of the process that tries grammars."""
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(path))


WITHOUT_MEMORY = """
from mlxfleet_worker.constraints.trial_process import main

class NoMemory:
    def error(self, grammar):
        raise MemoryError

main(lambda vocabulary: NoMemory())
"""


def test_a_grammar_for_which_there_is_no_memory_is_refused_and_remembered(
    tiny_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = make_factory(tiny_text)
    with monkeypatch.context() as patch:
        run_instead(patch, tmp_path / "python", WITHOUT_MEMORY)
        for number in range(4):
            with pytest.raises(RequestError, match=TOO_COMPLEX) as caught:
                factory.json(JsonConstraint({"const": number}))
            assert caught.value.kind == "invalid"
    # From memory: the process that would take it now is not asked.
    with pytest.raises(RequestError, match=TOO_COMPLEX):
        factory.json(JsonConstraint({"const": 0}))
    factory.json(JsonConstraint({"const": 5}))
    close(factory)


@pytest.mark.parametrize("answer", ["{}", '{"error": null}', "[]", "thread panicked", "\\xff"])
def test_an_answer_that_is_none_says_nothing_about_the_grammar(
    trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    code = f"import sys\nfor line in sys.stdin.buffer:\n    sys.stdout.buffer.write(b'{answer}\\n')\n"
    with monkeypatch.context() as patch:
        run_instead(patch, tmp_path / "python", code + "    sys.stdout.flush()\n")
        with pytest.raises(TrialUnavailableError):
            trials.error(GRAMMAR)
    assert trials.error(GRAMMAR) == ""


def test_a_killed_worker_leaves_no_process() -> None:
    code = (
        "import time; from mlxfleet_worker.constraints.trial import Trials; trials = Trials(259, {0: '<|end|>'});"
        "trials.error('start: \"a\"'); print(trials._process.pid, flush=True); time.sleep(60)"
    )
    root = Path(trial.__file__).parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert is_running(pid)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    wait_until(lambda: not is_running(pid))


def test_several_threads(tiny_text: Path) -> None:
    factory = make_factory(tiny_text)
    schemas = [{"type": "object", "properties": {f"p{place % 4}": {"type": "string"}}} for place in range(24)]
    with ThreadPoolExecutor(8) as pool:
        grammars = list(pool.map(lambda schema: factory.json(JsonConstraint(schema)), schemas))
        matchers = list(pool.map(lambda grammar: grammar.start(), grammars))
    assert len(set(map(id, grammars))) == 4
    assert all(matcher.failure is None for matcher in matchers)
    close(factory)


def test_only_so_many_grammars_are_kept(tiny_text: Path) -> None:
    factory = make_factory(tiny_text)
    first = factory.json(JsonConstraint({"const": 0}))
    for number in range(1, 32):
        factory.json(JsonConstraint({"const": number}))
    assert factory.json(JsonConstraint({"const": 0})) is first
    factory.json(JsonConstraint({"const": 32}))
    assert factory.json(JsonConstraint({"const": 0})) is first
    assert len(factory._cache._grammars) == 32
    close(factory)
