"""What Prefect's server refuses before a run is made: asked as its API asks, and as its form does while one types."""

from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, build_error_obj, validate

from blindspots.store import layout
from blindspots.study.study import Study
from flows.operating import at_the_trigger
from flows.operating.verify import verify
from flows.study import study_flow
from tests.stores import rewrite_study

SCHEMA = parameter_schema(study_flow).model_dump()
SET_TWICE = "seeds = 2: the model efficientnet-lite0 is given"


def refusal(**fields: Any) -> str:
    """Return what the API answers to a form with these fields, and assert that the form says so too; empty for none."""
    form = {name: each.get("default") for name, each in SCHEMA["properties"].items()} | {"root": "/new"} | fields
    shown = build_error_obj(validate(form, SCHEMA))
    try:
        validate(form, SCHEMA, raise_on_error=True)
    except ValidationError as error:
        assert not shown["valid"]
        return str(error)
    assert shown["valid"]
    return ""


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"study": "cifar"}, "study", "no study is called 'cifar'; there are quick, "),
        ({"study": None}, "study", "no study is named"),
        ({"unrolled": {"name": "mine"}}, "unrolled", "the study is named, quick, and spelt out as well"),
        ({"study": None, "unrolled": {"name": "mine"}}, "unrolled", "models: this field is required"),
        ({"changes": ["seed=1", "training.iterations 5"]}, "changes[1]", "is not of the form key=value"),
        ({"changes": ["seed=1", "training.iterations=0", "seed=2"]}, "changes[1]", "training.iterations = 0: "),
        ({"changes": ["colour=red"]}, "changes[0]", "colour: no such field; the fields of the study are name, "),
        ({"study": "imagenet", "changes": ["seed=1", "seeds=2"]}, "changes[1]", SET_TWICE),  # one field by another
        (
            {"changes": ["dataset=/data/pictures/", "pictures.size=3", "dataset=mnist"]},
            "changes[2]",
            "size of pictures",
        ),
        ({"changes": "seed=1"}, "changes", "is not of type 'array'"),
        ({"root": "mnist-study"}, "root", "'mnist-study' would lie in the folder of this run, which is gone after it"),
        ({"root": "./s3:/bucket"}, "root", "name a folder from / on"),
        ({"workers": 0}, "workers", "0 is less than the minimum of 1"),
        ({"colour": "red"}, "colour", "there is no such field"),
    ],
)
def test_a_bad_form_is_refused_beside_its_field(fields: dict[str, Any], field: str, said: str) -> None:
    refused = refusal(**fields)
    assert refused.startswith(f"Validation failed for field {field!r}. Failure reason: "), refused
    assert said in refused
    assert "--set" not in refused


def test_a_good_form_is_taken(tiny: Study, study_file: str, tmp_path: Path) -> None:
    assert refusal() == ""
    assert refusal(changes=["training.iterations=0", "training.iterations=5"]) == ""
    assert refusal(study=study_file, root=str(tmp_path / "new"), workers=2) == ""
    assert refusal(study=None, unrolled=tiny.model_dump(mode="json")) == ""
    assert refusal(study="/on/another/machine.yaml", changes=["whatever=1"]) == ""  # the run will say


def test_a_file_that_is_here_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("models: []")
    assert "models = []" in refusal(study=str(tmp_path / "mine.yaml"))


def test_a_root_that_can_be_seen_to_be_none_is_refused(root: Path, tmp_path: Path) -> None:
    assert refusal(root=str(root)) == ""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    assert "holds something other than a study" in refusal(root=str(tmp_path / "other"))
    rewrite_study(root, format=layout.FORMAT + 1)
    assert "'root'" in refusal(root=str(root))
    assert refusal(root="~/study") == ""
    assert refusal(root="s3://bucket/prefix") == ""  # nothing is asked of a bucket while somebody types


def test_a_root_of_another_data_set_is_refused(root: Path, study_file: str) -> None:
    assert "holds mnist, and the study quick is on fashion-mnist; name another root" in refusal(
        root=str(root), changes=["dataset=fashion-mnist"]
    )
    assert refusal(study=study_file, root=str(root)) == ""
    assert refusal(study="/on/another/machine.yaml", root=str(root)) == ""  # the run will say
    assert refusal(root=str(root), changes=["dataset=/data/pictures/", "pictures.size=28"]) == ""


def test_other_forms_have_their_root_looked_at(root: Path) -> None:
    schema = parameter_schema(verify).model_dump()
    form = {name: each.get("default") for name, each in schema["properties"].items()}
    validate(form | {"root": str(root)}, schema, raise_on_error=True)
    with pytest.raises(ValidationError, match="'mnist-study' would lie in the folder of this run"):
        validate(form | {"root": "mnist-study"}, schema, raise_on_error=True)


def test_a_look_that_fails_leaves_the_form_to_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(at_the_trigger, "_of_the_root", lambda root, wanted: 1 / 0)
    assert refusal() == ""
    assert "a form could not be looked at as a whole" in caplog.text
