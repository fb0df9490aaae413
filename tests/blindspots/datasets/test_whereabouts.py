"""Where data of one's own are looked for, and what is said where they are not."""

from pathlib import Path

import pytest

from blindspots.datasets.whereabouts import check_there, located
from blindspots.errors import InputError


def test_a_folder_that_is_handed_over_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "handed"
    folder.mkdir()
    assert located("/elsewhere/mine.npz", folder) == Path("/elsewhere/mine.npz")
    (folder / "mine.npz").touch()
    assert located("/elsewhere/mine.npz", folder) == folder / "mine.npz"
    assert located("/elsewhere/mine.npz", None) == Path("/elsewhere/mine.npz")
    check_there("/elsewhere/mine.npz", folder)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_named_data_sets_may_be_anywhere(name: str) -> None:
    check_there(name, None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.npz", "does not exist; name a file of arrays that ends in .npz"),
        ("pictures", "does not exist; name a folder of pictures, or a .csv file of paths and labels"),
        ("list.csv", "does not exist; name a folder of pictures, or a .csv file of paths and labels"),
    ],
)
def test_what_is_not_there_is_named_with_what_would_be_right(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        check_there(str(tmp_path / name), None)
    assert str(error.value) == f"the data set {tmp_path / name} {said}"
