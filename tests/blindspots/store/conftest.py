"""Every kind of place: what a store promises, it promises on each."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from blindspots.store.place import Place

KINDS = (
    "local",
    "memory",
    pytest.param("s3", marks=pytest.mark.xdist_group("s3")),
    pytest.param("az", marks=pytest.mark.faults),  # by hand, with Azurite
)


@pytest.fixture(params=KINDS)
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Return what makes a new and empty place, of each kind in turn."""
    if request.param in ("s3", "az"):
        request.getfixturevalue(request.param)

    def made() -> Place:
        name = uuid.uuid4().hex
        return Place.at(tmp_path / name if request.param == "local" else f"{request.param}://tests/{name}")

    return made


@pytest.fixture
def any_place(new_place: Callable[[], Place]) -> Place:
    """A new and empty place."""
    return new_place()
