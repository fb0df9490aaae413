"""Progress of an actor's call: each message heard once and in order, whatever answers are lost."""

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindspots.jobs.job import Progress
from tasks.actors import telling
from tasks.actors.telling import Listener, Teller


def message(number: int) -> Progress:
    return Progress("stage", "key", number, 100, "images", str(number))


@given(st.lists(st.sampled_from(["told", "heard", "lost"])))
def test_every_message_is_heard_once_and_in_order(steps: list[str]) -> None:
    """Lost: the actor has answered, and nobody was there to hear it any more."""
    teller, found, numbers = Teller(), list[Progress](), count()
    listener = Listener(found.append)
    for step in steps:
        if step == "told":
            teller.tell(message(next(numbers)))
        else:
            answer = teller.told(*listener.heard)
            if step == "heard":
                listener.hear(answer)
    listener.hear(teller.told())  # with the outcome, whatever was heard
    assert [progress.done for progress in found] == list(range(next(numbers)))


def another_call_of_the_same(teller: Teller) -> Teller:
    teller.begin()
    return teller


def another_actor(teller: Teller) -> Teller:
    return Teller()


@pytest.mark.parametrize("again", [another_call_of_the_same, another_actor])
def test_a_call_that_is_begun_again_is_heard_from_its_start(
    again: Callable[[Teller], Teller], monkeypatch: pytest.MonkeyPatch
) -> None:
    teller, found = Teller(), list[Progress]()
    listener = Listener(found.append)
    for number in range(3):
        teller.tell(message(number))
    listener.hear(teller.told(*listener.heard))
    monkeypatch.setattr("os.getpid", lambda: 1)  # another actor is another process
    teller = again(teller)
    teller.tell(message(7))
    listener.hear(teller.told(*listener.heard))
    teller.tell(message(8))
    listener.hear(teller.told(*listener.heard))
    assert [progress.done for progress in found] == [0, 1, 2, 7, 8]


def test_what_nobody_hears_is_forgotten_but_for_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "_MOST", 3)
    teller, found = Teller(), list[Progress]()
    listener = Listener(found.append)
    for number in range(8):
        teller.tell(message(number))
    listener.hear(teller.told(*listener.heard))
    teller.tell(message(8))
    listener.hear(teller.told(*listener.heard))
    assert [progress.done for progress in found] == [5, 6, 7, 8]
