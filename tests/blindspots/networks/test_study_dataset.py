"""What is cut out of a study's pictures: what it says, what its networks state, and where they differ."""

from typing import Any

import pytest

from blindspots.errors import InputError
from blindspots.networks.study_dataset import wanted_pictures
from blindspots.study.file import validate_study
from blindspots.study.study import Study


def of(*networks: str, dataset: str = "./pictures", **pictures: Any) -> Study:
    models: list[dict[str, Any]] = [{"name": "own", "decay": [1e-4]}]
    models += [
        {"name": f"my-{name}".partition("_")[0], "given": {"weights": f"{name}.pth", "network": name}}
        for name in networks
    ]
    return validate_study({"name": "a", "dataset": dataset, "models": models, "pictures": pictures})


def test_networks_state_what_the_study_leaves_open() -> None:
    found = wanted_pictures(of("alexnet"))
    assert found is not None
    assert (found.size, found.crop, found.interpolation) == (224, 0.875, "bilinear")
    found = wanted_pictures(of("alexnet", crop=0.5, skip_damaged=True))
    assert found is not None
    assert (found.size, found.crop, found.skip_damaged) == (224, 0.5, True)


def test_networks_that_differ_are_named() -> None:
    with pytest.raises(InputError, match=r"size of my-alexnet 224, my-alexnet-2012 227; say which with pictures\.size"):
        wanted_pictures(of("alexnet", "alexnet-2012"))
    with pytest.raises(InputError, match=r"crop of my-alexnet 0\.875, my-alexnet-2012 0\.8867; say which"):
        wanted_pictures(of("alexnet", "alexnet-2012", size=227))
    found = wanted_pictures(of("alexnet", "alexnet-2012", size=227, crop=0.875))
    assert found is not None
    assert found.interpolation == "bilinear"


def test_a_size_is_wanted_where_no_network_states_one() -> None:
    with pytest.raises(InputError, match=r"pictures\.size is wanted: none of the study's networks says"):
        wanted_pictures(of("my_package:make"))
    found = wanted_pictures(of(size=32))
    assert found is not None
    assert (found.size, found.crop) == (32, None)


def test_other_data_sets_have_no_pictures() -> None:
    assert wanted_pictures(of(dataset="mnist")) is None
