import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from blindspots.identity import array_hash, arrays_hash, identity


def test_order_of_parts_is_no_matter_and_values_are() -> None:
    assert identity(a=1, b=[2.0, None]) == identity(b=[2.0, None], a=1)
    assert len({identity(a=1), identity(a=1.5), identity(a="1"), identity(b=1), identity(a=[1])}) == 5


def test_the_hash_is_that_of_earlier_versions() -> None:
    """Finished work everywhere is known by this hash: a change of it makes all of it be done anew."""
    assert identity(stage="set", decay=[1e-4, 0.01]) == (
        "9603f7b28cf5d65923654b77d82ce87950079a5d55ee5c39e131fe6a85f4f81b"
    )
    assert array_hash(np.arange(3, dtype=np.float32)) == (
        "1b55227c388edf4a9e21bac3683ef31a605c398b7fe6bd79316607fc74b1b4fc"
    )


def test_what_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError):
        identity(a=np.float32(1))
    with pytest.raises(ValueError, match="Out of range"):
        identity(a=float("nan"))


@given(arrays(np.float32, array_shapes(max_dims=3, max_side=4)))
def test_an_array_s_hash_is_of_its_values_shape_and_dtype(values: np.ndarray) -> None:
    found = array_hash(values)
    assert found == array_hash(values.copy(order="F"))
    assert found == array_hash(values.astype(">f4"))
    assert found != array_hash(values.astype(np.float64))
    assert found != array_hash(values[None])
    changed = values.copy()
    changed.flat[0] = 0 if changed.flat[0] != 0 else 1
    assert found != array_hash(changed)


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4))
def test_text_hashes_the_same_in_every_kind_of_array(words: list[str]) -> None:
    as_objects = np.array(words, dtype=object)
    assert array_hash(as_objects) == array_hash(as_objects.astype(np.dtypes.StringDType()))
    assert array_hash(as_objects) != array_hash(np.array([*words, "one more"], dtype=object))


def test_names_count() -> None:
    one, two = np.zeros(1), np.ones(1)
    assert arrays_hash({"a": one, "b": two}) == arrays_hash({"b": two, "a": one})
    assert arrays_hash({"a": one, "b": two}) != arrays_hash({"a": two, "b": one})
