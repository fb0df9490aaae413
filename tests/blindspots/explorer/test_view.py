from urllib.parse import parse_qsl, urlsplit

import pytest

from blindspots.errors import InputError
from blindspots.explorer.view import EVERY, FOOLED, View, all_sets, number_in, parsed_view
from blindspots.results.queries.choice import SetName
from tests.blindspots.results.queries.conftest import study


def read(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query)


@pytest.mark.parametrize(
    "view",
    [
        View(SetName("one", 0, "train", "nearest")),
        View(SetName("noise-0.1-clipped", 0, "train", "none"), classes=(0, 3), page=7),
        View(SetName("clean", 1, "test", "none"), fooled=("one", "two"), right=("three",), kind=EVERY),
        View(SetName("three", 1, "train", "random"), by=FOOLED, descending=True),
    ],
)
def test_an_address_says_all_of_a_view(view: View) -> None:
    assert parsed_view(study(seeds=2), read(view.address("/image", example=5)), classes=4) == view
    assert number_in(read(view.address("/image", example=5)), "example") == 5


def test_without_an_address_the_first_set_is_seen() -> None:
    assert parsed_view(study(), [], classes=4) == View(SetName("one", 0, "train", "nearest"))


def test_every_set_that_models_read_is_there() -> None:
    there = all_sets(study(seeds=2))
    assert len(there) == 2 * (3 * 2 + 2 + 2)  # rules, noise as drawn and clipped, clean train and test
    assert there["noise-0.1/seed-1/train/none"] == SetName("noise-0.1", 1, "train", "none")
    assert list(all_sets(study(sets={"rules": []}))) == ["clean/seed-0/test/none", "clean/seed-0/train/none"]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("set", "four/seed-0/train/nearest"), "has no set 'four/seed-0/train/nearest'; there are one/seed-0"),
        (("class", "4"), "class = '4': a number from 0 to 3"),
        (("class", "x"), "class = 'x': a number"),
        (("page", "0"), "page = '0': a number from 1"),
        (("fooled", "nobody"), "no model is called 'nobody'"),
        (("by", "size"), "by = 'size': one of distortion, fooled, place"),
        (("first", "last"), "first = 'last': one of smallest, largest"),
        (("kind", "odd"), "kind = 'odd': one of moved, misread, failed, all"),
    ],
)
def test_what_there_is_not_is_refused(pair: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parsed_view(study(), [pair], classes=4)
    with pytest.raises(InputError, match="row = ''"):
        number_in([pair], "row")
