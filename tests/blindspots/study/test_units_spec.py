"""Which layers' units to look at: what is refused, and that nothing is asked for by default."""

from typing import Any

import pytest

from blindspots.errors import InputError
from blindspots.jobs.expansion import expand
from blindspots.study.built_in import BUILT_IN
from blindspots.study.file import validate_study

CONTENT: dict[str, Any] = {"name": "any", "models": [{"name": "fc10", "decay": [1e-2]}]}


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"rotations": -1}, "units.rotations = -1"),
        ({"models": ["fc11"]}, "units.models = 'fc11': no model is called that; there are fc10"),
        ({"models": ["alexnet"]}, "units.models = 'alexnet': no model is called that; there are fc10"),
        ({"features": "fc11"}, "units.features = 'fc11': no model is called that; there are fc10"),
        ({"images": 8}, "images = 8: more than top = 8 are wanted"),
        ({"doses": [1.0]}, "units.doses.0 = 1.0"),
        ({"layers": ["../up"]}, "units.layers.0 = '../up'"),
        ({"layers": ["layers.1", "layers.1"]}, "a value stands twice"),
        ({"score": "mean"}, "units.score = 'mean'"),
    ],
)
def test_what_makes_no_sense_is_refused(units: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        validate_study({**CONTENT, "units": units})


def test_the_study_s_alexnet_is_a_model_here() -> None:
    study = validate_study({**CONTENT, "bounds": {"alexnet": "some.pth"}, "units": {"models": ["alexnet"]}})
    assert study.units.models == ("alexnet",)


def test_without_units_a_study_is_the_one_that_it_was() -> None:
    study = validate_study(CONTENT)
    assert "units" not in study.model_dump(mode="json")
    assert not any(job.stage == "units" for job in expand(study))
    assert "units" in validate_study({**CONTENT, "units": {"rotations": 9}}).model_dump(mode="json")


def test_the_built_in_study_makes_no_sets() -> None:
    jobs = expand(BUILT_IN["units"][0])
    assert not any(job.stage in ("generate", "negatives", "bounds") for job in jobs)
    assert {job.key for job in jobs if job.stage == "units"} == {
        "units/pixels",
        *(
            f"units/{model}/seed-0/{state}"
            for model in ("conv24-48-100-10", "fc100-100-10")
            for state in ("trained", "untrained")
        ),
    }
