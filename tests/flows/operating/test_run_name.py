"""What runs are called."""

from types import SimpleNamespace
from typing import Any

import pytest

from blindspots.study.study import Study
from flows.operating import run_name as module
from flows.operating.run_name import is_deployed, of_study, run_name


@pytest.mark.parametrize(
    ("deployment", "scheduled", "asked", "called"),
    [
        ("some", False, {"study": "quick", "unrolled": None}, "the one with more decay"),
        ("some", True, {"study": "quick", "unrolled": None}, "train quick"),
        (None, False, {"study": "/here/mine.yaml", "unrolled": None}, "train mine"),
        (None, False, {"study": None, "unrolled": True}, "train tiny"),
        (None, False, {}, "train quick"),
    ],
)
def test_only_a_name_of_a_users_own_is_kept(
    monkeypatch: pytest.MonkeyPatch,
    tiny: Study,
    deployment: str | None,
    scheduled: bool,
    asked: dict[str, Any],
    called: str,
) -> None:
    run = SimpleNamespace(name="the one with more decay", deployment_id=deployment, auto_scheduled=scheduled)
    asked = {name: tiny if value is True else value for name, value in asked.items()}
    context = SimpleNamespace(flow_run=run, parameters=asked)
    monkeypatch.setattr(module, "FlowRunContext", SimpleNamespace(get=lambda: context))
    assert run_name("train", of_study)() == called
    assert is_deployed() is (deployment is not None)
