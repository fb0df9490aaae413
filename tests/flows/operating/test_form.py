"""The form: what it says of its fields, and which study it asks for."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from blindspots.errors import InputError
from blindspots.jobs.stage import STAGES
from blindspots.study.built_in import QUICK
from blindspots.study.study import Study
from flows.operating.file_bounds import bounds_of_a_file
from flows.operating.form import check_root, root_called, study_called, wanted_study
from flows.operating.verify import verify
from flows.study import stage_flow, study_flow

VERIFY, STUDY = import_module("flows.operating.verify"), import_module("flows.study")


@pytest.mark.parametrize("flow", [study_flow, stage_flow(next(iter(STAGES))), verify, bounds_of_a_file])
def test_every_field_says_what_it_is(flow: Flow[..., Any]) -> None:
    for name, found in parameter_schema(flow).properties.items():
        assert found["title"] != name, f"{flow.name}: {name} has no title"
        assert len(found["description"]) > 20, f"{flow.name}: {name} is not described"


def test_a_study_is_first_by_its_name_and_last_in_full() -> None:
    fields = sorted(parameter_schema(study_flow).properties.items(), key=lambda item: item[1]["position"])
    assert [name for name, _ in fields] == ["study", "changes", "root", "workers", "device", "data", "unrolled"]
    assert fields[0][1]["default"] == "quick"
    assert fields[-1][1]["default"] is None
    assert "workers" not in parameter_schema(study_flow).required


def test_a_study_by_its_name_is_changed_line_by_line(tiny: Study, study_file: str) -> None:
    assert wanted_study("quick", (), None) == QUICK
    changed = wanted_study("quick", ("training.iterations=7", "models.fc10-1.decay=2e-4"), None)
    assert (changed.training.iterations, changed.model("fc10-1").decay) == (7, (2e-4,))
    assert wanted_study(study_file, (), None) == tiny
    assert wanted_study(None, (), tiny) is tiny
    assert wanted_study(None, ("seed=3",), tiny).seed == 3


@pytest.mark.parametrize(
    ("study", "changes", "full", "said"),
    [
        ("quick", (), True, "the study is named, quick, and spelt out as well"),
        (None, (), False, "no study is named; there are quick,"),
        ("", (), False, "no study is named"),
        ("cifar", (), False, "no study is called 'cifar'; there are quick,"),
        ("quick", ("training.iterations=0",), False, "training.iterations = 0"),
        (None, ("seeds",), True, "is not of the form key=value"),
    ],
)
def test_what_asks_for_no_study_is_refused(
    tiny: Study, study: str | None, changes: tuple[str, ...], full: bool, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        wanted_study(study, changes, tiny if full else None)


@pytest.mark.parametrize("flow", [study_flow, stage_flow(next(iter(STAGES))), verify])
def test_a_deployed_run_does_not_leave_its_work_in_a_folder_that_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flow: Flow[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (VERIFY, STUDY):
        monkeypatch.setattr(module, "is_deployed", lambda: True)
    with pytest.raises(InputError, match=r"the root 'mnist-study' would lie in the folder of this run"):
        flow.fn(root="mnist-study")
    assert not list(tmp_path.iterdir())
    for kept in ("/data/study", "~/study", "s3://bucket/prefix"):
        check_root(kept)


def test_a_study_is_called_without_reading_it(tiny: Study) -> None:
    assert study_called("quick", None) == "quick"
    assert study_called("/nowhere/of-mine.yaml", None) == "of-mine"
    assert study_called(None, tiny) == "tiny"


def test_a_root_is_known_by_its_folder_and_by_where_that_is() -> None:
    """However long its name is, and however it is written."""
    roots = ("/data/one", "/other/one", "s3://one", f"/data/{'o' * 100}", f"/other/{'o' * 100}", "/data/One_\udcff")
    called = [root_called(root) for root in roots]
    assert len(set(called)) == len(roots)
    assert [name.rpartition("-")[0] for name in called] == [*["one"] * 3, *["o" * 64] * 2, "one"]
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in called)
