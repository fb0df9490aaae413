"""How long an actor without a place is waited for, by a clock of the test's own."""

import pytest

from tasks.actors import placing
from tasks.actors.placing import Absence


def test_an_actor_may_be_away_for_a_while_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now, states, asked = [0.0], {"actor": "ALIVE"}, []
    monkeypatch.setattr(placing, "state", lambda actor: asked.append(now[0]) or states[actor])
    absence = Absence("actor", clock=lambda: now[0])

    def seen(until: float) -> list[bool]:
        found = []
        while now[0] < until:
            now[0] += 0.5
            found.append(absence.is_too_long())
        return found

    assert not any(seen(100))
    assert len(asked) <= 51  # not at every look
    states["actor"] = "RESTARTING"
    assert not any(seen(115))
    states["actor"] = "ALIVE"  # started anew in time
    assert not any(seen(140))
    states["actor"] = "PENDING_CREATION"
    assert seen(165)[-1]
    states["actor"] = "DEAD"  # which its call says
    assert not seen(170)[-1]
