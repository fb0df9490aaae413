import numpy as np
import pytest

from blindspots.errors import InputError
from blindspots.randomness import generator, stream


def test_a_stream_is_its_purpose_s_alone() -> None:
    keys = {
        stream(0, "target", "train"),
        stream(1, "target", "train"),
        stream(0, "target", "test"),
        stream(0, "noise", "train"),
    }
    assert len(keys) == 4
    assert stream(0, "ab", "c") != stream(0, "a", "bc")


def test_draws_depend_on_the_index_and_not_on_the_order() -> None:
    forwards = [generator(3, "noise", "train", index=i).standard_normal(4) for i in range(5)]
    backwards = [generator(3, "noise", "train", index=i).standard_normal(4) for i in reversed(range(5))]
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert len(np.unique(np.array(forwards))) == 20


def test_draws_are_those_of_earlier_versions() -> None:
    np.testing.assert_allclose(
        generator(0, "noise", "train", index=17).standard_normal(2),
        [0.2650385652120946, -0.8843133995531164],
        rtol=0,
        atol=1e-15,
    )


def test_neighbouring_indices_are_unrelated() -> None:
    first = np.array([generator(0, "noise", index=i).standard_normal() for i in range(2000)])
    assert abs(first.mean()) < 0.1
    assert abs(first.std() - 1) < 0.1
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.1


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(ValueError, match="index -1 is negative"):
        generator(0, "noise", index=-1)


@pytest.mark.parametrize("seed", [-1, 1.0, 1.5, True, "3", None, np.float64(2)])
def test_a_seed_that_is_no_integer_from_zero_is_refused(seed: object) -> None:
    with pytest.raises(InputError, match=r"the seed is .*; give an integer from 0"):
        stream(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("purpose", [None, 3, b"train"])
def test_a_purpose_that_is_no_text_is_refused(purpose: object) -> None:
    with pytest.raises(InputError, match=r"^(None|3|b'train') is no name of what random numbers are drawn for"):
        stream(0, "target", purpose)  # type: ignore[arg-type]


def test_numpys_integers_are_seeds() -> None:
    assert stream(np.uint8(3), "a") == stream(np.int64(3), "a") == stream(3, "a")
