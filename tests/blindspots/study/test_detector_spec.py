"""What a study says of a detector."""

import pytest

from blindspots.errors import InputError
from blindspots.study.built_in import QUICK
from blindspots.study.detector_spec import WHEELED_VEHICLES
from blindspots.study.file import load_study


def test_it_is_set_where_there_was_none() -> None:
    assert QUICK.detector is None
    assert "detector" not in QUICK.model_dump(mode="json")
    study = load_study("quick", ["detector.what=seven", "detector.positive=['7']"])
    assert study.detector is not None
    assert study.detector.positive == ("7",)
    assert len(set(WHEELED_VEHICLES)) == 44


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["detector.models=[fc7]"], "detector.models = 'fc7': no model is called that; there are fc10-1e-4"),
        (["detector.models=[alexnet]"], "detector.models = 'alexnet': no model is called that"),
        (["detector.models=some"], "all"),
        (
            ["detector.models=[fc10-1]", "detector.extractors=[{name: fc10-1, weights: a.pth}]"],
            "detector: two extractors are called 'fc10-1'",
        ),
    ],
)
def test_models_whose_features_cannot_be_had_are_refused(sets: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_study("quick", sets)


@pytest.mark.parametrize(
    ("extractors", "said"),
    [
        ("[{name: pixels, weights: a.pth}]", "the name pixels is kept for the study's own"),
        ("[{name: a, weights: a.pth}, {name: a, weights: b.pth}]", "an extractor is named twice"),
        ("[{name: a, weights: 'https://there/a.pth'}]", "a SHA-256 is wanted for https://there/a.pth"),
        ("[{name: a, weights: a.pth, sha256: 01234567}]", "a SHA-256 belongs to an address on the web"),
    ],
)
def test_what_cannot_be_is_refused(extractors: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_study("quick", [f"detector.extractors={extractors.replace('01234567', chr(39) + '01234567' + chr(39))}"])


@pytest.mark.parametrize("field", ["models", "positive"])
def test_nothing_is_named_twice(field: str) -> None:
    with pytest.raises(InputError, match=r"a value stands twice in \['fc10-1', 'fc10-1'\]"):
        load_study("quick", [f"detector={{{field}: [fc10-1, fc10-1]}}"])
