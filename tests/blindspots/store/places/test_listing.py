from pathlib import Path

import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

from blindspots.store.place import Place
from blindspots.store.places import listing
from blindspots.store.places.listing import Listing

PARTS = st.sampled_from(["a", "b", "ab", "a.b", "A", "é"])
TREES = st.recursive(
    st.just(None), lambda below: st.dictionaries(PARTS, below, min_size=1, max_size=4), max_leaves=12
).filter(lambda tree: tree is not None)


def keys(tree: object, above: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return [above]
    return [key for name, below in tree.items() for key in keys(below, f"{above}/{name}" if above else name)]


@settings(max_examples=40)
@given(tree=TREES)
def test_keys_spell_the_folders_that_a_file_system_would_have(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    place = Place.at(tmp_path_factory.mktemp("tree"))
    for key in keys(tree):
        path = Path(place.path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    listing = Listing((key, {}) for key in keys(tree))
    for each in {"", "none", *keys(tree), *(key.rpartition("/")[0] for key in keys(tree))}:
        assert list(listing.below(each)) == list(place.files(each)), each
        assert listing.names(each) == place.names(each)
        assert listing.has_folder(each) == place.has_folder(each)


def test_of_nothing_there_is_no_folder() -> None:
    assert not Listing([]).has_folder("")


@pytest.mark.parametrize(("page", "most", "listers"), [(3, 64, 16), (7, 64, 2), (3, 2, 16), (3, 0, 16), (1000, 64, 16)])
def test_many_objects_are_listed_a_folder_beside_the_other(
    page: int, most: int, listers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_PAGE", page), ("_MOST", most), ("_LISTERS", listers)):
        monkeypatch.setattr(listing, name, value)
    bucket = MemoryStore()
    names = ("top", *(f"a/{i}" for i in range(4)), *(f"a/b/c/d/{i}" for i in range(9)), "e/f/g", "e/f/h/i/j/k")
    for name in names:
        obstore.put(bucket, f"root/{name}", b"1")
    obstore.put(bucket, "rooted/x", b"1")
    found = listing.list_all(bucket, "root")
    assert sorted(each["path"] for each in found) == sorted(f"root/{name}" for name in names)
    assert len(listing.list_all(bucket, "")) == len(names) + 1
    assert listing.list_all(bucket, "none") == []
