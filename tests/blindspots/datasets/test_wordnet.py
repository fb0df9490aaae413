"""Likeness by hypernyms, in a small file that is written as WordNet's is."""

from pathlib import Path

import numpy as np
import pytest

from blindspots.datasets.wordnet import BRANCHES, check_known, same_branch, wordnet_similarity
from blindspots.errors import InputError

# name: what it is a kind of; the first is the root, a bat is two things
KINDS = {
    "entity": [],
    "animal": ["entity"],
    "bird": ["animal"],
    "ostrich": ["bird"],
    "robin": ["bird"],
    "thing": ["entity"],
    "bat": ["bird", "thing"],
}


@pytest.fixture
def wordnet(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The file, and what each thing is known by."""
    places: dict[str, int] = {}
    lines, at = ["  1 a licence stands here\n"], 0
    at = len(lines[0])
    for name, above in KINDS.items():
        places[name] = at
        pointers = [f"@ {places[each]:08d} n 0000" for each in above] + ["~ 00000000 n 0000"]
        words = f"{name} 0 other_{name} 1"
        lines.append(f"{at:08d} 03 n 02 {words} {len(pointers):03d} {' '.join(pointers)} | a {name}; @ 1\n")
        at += len(lines[-1])
    (tmp_path / "data.noun").write_text("".join(lines))
    return tmp_path / "data.noun", {name: f"n{place:08d}" for name, place in places.items()}


def test_likeness_is_how_deep_the_deepest_common_kind_stands(wordnet: tuple[Path, dict[str, str]]) -> None:
    file, known = wordnet
    found = wordnet_similarity(file, [known[name] for name in ("ostrich", "robin", "animal", "bat")])
    # depths: entity 1, animal and thing 2, bird 3, ostrich and robin 4; a bat's shortest way is by thing: 3
    wanted = np.array(
        [
            [1, 6 / 8, 4 / 6, 6 / 7],
            [6 / 8, 1, 4 / 6, 6 / 7],
            [4 / 6, 4 / 6, 1, 4 / 5],
            [6 / 7, 6 / 7, 4 / 5, 1],
        ]
    )
    np.testing.assert_allclose(found, wanted)


def test_a_class_lies_in_the_nearest_branch_above_it(wordnet: tuple[Path, dict[str, str]]) -> None:
    file, known = wordnet
    of = {"animals": (known["animal"],), "birds and things": (known["bird"], known["thing"])}
    classes = [known[name] for name in ("ostrich", "animal", "robin", "bat", "entity")]
    # birds are animals too, but the birds' branch is nearer; the root has nothing above it
    wanted = np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 0], [1, 0, 1, 1, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(same_branch(file, classes, of), wanted)
    apart = {"birds": (known["bird"],), "things": (known["thing"],)}
    np.testing.assert_array_equal(same_branch(file, classes, apart), wanted)  # a bat is one step from both: the first
    assert same_branch(file, classes, dict(reversed(apart.items())))[0, 3] == 0
    np.testing.assert_array_equal(same_branch(file, classes), np.eye(5))  # of none of WordNet's own


def test_no_thing_begins_two_branches() -> None:
    places = [place for each in BRANCHES.values() for place in each]
    assert len(set(places)) == len(places)
    assert all(len(place) == 9 and place[0] == "n" for place in places)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("robin", "the class 'robin' has no place in WordNet"),
        ("n00000007", "data.noun has no thing at 00000007: it is of another version"),
        ("n99999999", "data.noun has no thing at 99999999"),
    ],
)
def test_what_is_not_in_it_is_refused(wordnet: tuple[Path, dict[str, str]], name: str, said: str) -> None:
    file, known = wordnet
    check_known(file, [known["robin"]])
    for ask in (wordnet_similarity, same_branch, check_known):
        with pytest.raises(InputError, match=said):
            ask(file, [known["robin"], name])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none cannot be read: No such file or directory; name its data\.noun"):
        wordnet_similarity(tmp_path / "none", ["n00000001"])
