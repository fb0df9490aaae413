"""Random frames: orthonormal, uniform, and what is seen of one alike in law to what is seen of a whole one."""

import numpy as np
import pytest
from scipy import stats

from blindspots.units.frames import (
    haar_frame,
    nonnegative_directions,
    partial_rotations,
    seen_frame,
)


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("size", "width"), [(1, 1), (5, 5), (5, 3), (40, 10), (41, 10), (300, 7)])
def test_a_frame_is_orthonormal(size: int, width: int) -> None:
    frame = haar_frame(size, width, draws())
    assert frame.shape == (size, width)
    np.testing.assert_allclose(frame.T @ frame, np.eye(width), atol=1e-12)


@pytest.mark.parametrize(("size", "width"), [(6, 6), (6, 2), (40, 10)])
def test_its_entries_are_a_uniform_point_of_the_sphere(size: int, width: int) -> None:
    """The square of a coordinate of a uniform point is Beta(1/2, (n - 1)/2), whatever the direction and the axis."""
    draw = draws()
    frames = np.array([haar_frame(size, width, draw) for _ in range(400)])
    for row, column in ((0, 0), (size - 1, width - 1)):
        p = stats.kstest(frames[:, row, column] ** 2, stats.beta(0.5, (size - 1) / 2).cdf).pvalue
        assert p > 1e-3
        assert abs(np.mean(frames[:, row, column] > 0) - 0.5) < 0.1  # no sign is preferred


def test_reflections_come_as_often_as_rotations() -> None:
    draw = draws()
    signs = [np.linalg.slogdet(haar_frame(4, 4, draw))[0] for _ in range(400)]
    assert abs(np.mean(signs)) < 0.15


def test_what_is_seen_of_a_frame_is_alike_in_law_to_the_part_of_a_whole_one() -> None:
    """Its largest singular value and its entries, against those of frames that are drawn whole."""
    size, seen, width = 30, 8, 5
    draw, again = draws(1), draws(2)
    part = [seen_frame(size, seen, width, draw) for _ in range(500)]
    whole = [haar_frame(size, width, again)[:seen] for _ in range(500)]
    for of in (lambda frame: np.linalg.norm(frame, 2), lambda frame: frame[0, 0], lambda frame: frame[3, 4]):
        assert stats.ks_2samp([of(each) for each in part], [of(each) for each in whole]).pvalue > 1e-3
    assert max(np.linalg.norm(each, 2) for each in part) < 1


def test_too_few_other_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="5 directions of 10 dimensions, 6 of them seen: 4 others are too few"):
        seen_frame(10, 6, 5, draws())


@pytest.mark.parametrize("size", [2, 3, 6, 7])
def test_partial_rotations_go_from_the_identity_to_a_rotation(size: int) -> None:
    start, quarter, half, whole = partial_rotations(size, (0.0, 0.25, 0.5, 1.0), draws(size))
    np.testing.assert_allclose(start, np.eye(size), atol=1e-12)
    for each in (quarter, half, whole):
        np.testing.assert_allclose(each.T @ each, np.eye(size), atol=1e-10)
        assert np.linalg.det(each) == pytest.approx(1)
    np.testing.assert_allclose(quarter @ quarter, half, atol=1e-10)
    np.testing.assert_allclose(half @ half, whole, atol=1e-10)


def test_the_whole_dose_is_a_uniform_rotation() -> None:
    draw = draws()
    entries = [partial_rotations(5, (1.0,), draw)[0][1, 2] for _ in range(400)]
    assert stats.kstest(np.square(entries), stats.beta(0.5, 2).cdf).pvalue > 1e-3


def test_directions_without_negative_parts() -> None:
    found = nonnegative_directions(6, 50, draws())
    assert (found >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1)


def test_directions_without_negative_parts_do_not_depend_on_how_many_are_done_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [nonnegative_directions(50, 33, np.random.default_rng(0))]
    monkeypatch.setattr("blindspots.units.frames._COLUMNS", 5)
    found.append(nonnegative_directions(50, 33, np.random.default_rng(0)))
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(np.linalg.norm(found[0], axis=0), 1)
    assert (found[0] >= 0).all()
