"""Room for prompts that wait: who comes when there is none waits until another one leaves, or is gone."""

import gc
import threading
from collections.abc import Callable

import pytest

from mlxfleet_worker.vision.waiting_room import WaitingRoom


class Prompt:
    """Whatever waits."""


def waiting(room: WaitingRoom) -> threading.Thread:
    """A thread that ends when there is room."""
    thread = threading.Thread(target=room.wait, daemon=True)
    thread.start()
    return thread


def leave(room: WaitingRoom, inside: list[Prompt]) -> None:
    room.leave(inside[0])


def be_gone(_: WaitingRoom, inside: list[Prompt]) -> None:
    inside.clear()


def be_found_gone(_: WaitingRoom, inside: list[Prompt]) -> None:
    """As what refers to itself: by the collector, whoever has it run."""
    prompt = inside.pop()
    prompt.__dict__["self"] = prompt
    del prompt
    gc.collect()


@pytest.mark.parametrize("go", [leave, be_gone, be_found_gone])
def test_room_is_waited_for(go: Callable[[WaitingRoom, list[Prompt]], None]) -> None:
    room, inside = WaitingRoom(100), [Prompt()]
    room.wait()
    room.enter(inside[0], 150)
    threads = [waiting(room) for _ in range(3)]
    threads[0].join(0.1)
    assert all(thread.is_alive() for thread in threads)
    go(room, inside)
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert room.has_room


def test_whoever_left_leaves_no_room_twice() -> None:
    room, first, second = WaitingRoom(100), Prompt(), Prompt()
    room.enter(first, 100)
    room.leave(first)
    room.leave(first)
    del first
    room.enter(second, 100)
    assert not room.has_room
