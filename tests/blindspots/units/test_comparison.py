"""Units against random rotations: planted structure is found, and a rotated copy of it is none."""

import numpy as np
import pytest
import torch
from scipy import stats

from blindspots.errors import InputError
from blindspots.units.coherence import BetweenLabels, Cosine, Measure
from blindspots.units.comparison import RANDOM, RAW, UNIT_LENGTH, UNITS, Comparison, compare_units, turned
from blindspots.units.frames import haar_frame
from blindspots.units.layer import LayerActivations
from blindspots.units.statistics import kept, rank_p

CLASSES, EACH = 40, 12
GOLDEN = {
    "units": [462],
    "random": [36, 53],
    "principal": [76],
    "whitened": [33],
    "nonnegative": [18],
    "turned-0.25": [389],
    "turned-0.5": [129],
    "turned-0.75": [59],
}
"""Pairs with the same label, of 560 in the sets of 20 directions."""


def planted(seed: int = 0, noise: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return activations (n, classes) whose units are labels in noise, and the labels."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES).repeat_interleave(EACH)
    return torch.eye(CLASSES)[labels] + noise * torch.randn(len(labels), CLASSES, generator=draw), labels


def compared(values: torch.Tensor, labels: torch.Tensor, **how: int) -> Comparison:
    measures: dict[str, Measure] = {"label": BetweenLabels.same(labels, CLASSES)}
    return compare_units(LayerActivations.of(values, top=8), measures, **{"rotations": 19, "bases": 2, **how})[RAW]


def shares(found: Comparison, kind: str) -> np.ndarray:
    return np.array([basis.coherence[0] for basis in found.bases[kind]])


def test_units_that_are_labels_keep_little_in_random_rotations() -> None:
    values, labels = planted()
    found = compared(values, labels)
    random = shares(found, RANDOM)
    share = kept(found.unit_coherence[:, 0], random, float(found.chance[0]))
    assert share.high < 0.1
    assert rank_p(shares(found, UNITS)[0], random) == 1 / 20
    assert found.unit_coherence[:, 0].mean() > 0.8


def test_the_more_they_are_turned_the_less_they_keep() -> None:
    values, labels = planted()
    found = compared(values, labels, rotations=1)
    dose = [shares(found, UNITS)[0], *(shares(found, turned(dose)).mean() for dose in (0.25, 0.5, 0.75))]
    assert dose == sorted(dose, reverse=True)
    assert dose[0] - dose[-1] > 0.5


def test_a_rotated_copy_of_labels_is_no_basis_better_than_another() -> None:
    """The p of the natural basis is uniform on 1/20, ..., 20/20 over rotations of the same planted structure."""
    found = []
    values, labels = planted(noise=0.2)
    for index in range(200):
        rotated = values @ torch.from_numpy(haar_frame(CLASSES, CLASSES, np.random.default_rng(index))).float()
        of = compared(rotated, labels, bases=0, seed=index)
        found.append(rank_p(shares(of, UNITS)[0], shares(of, RANDOM)))
    counts = np.bincount(np.ceil(np.array(found) * 5 - 1e-9).astype(int) - 1, minlength=5)
    assert counts.sum() == 200
    assert stats.chisquare(counts).pvalue > 1e-3


def test_at_unit_length_no_image_comes_first_for_being_large() -> None:
    values, labels = planted()
    values = values * torch.where(torch.arange(len(values)) % EACH == 0, 50.0, 1.0)[:, None]  # hubs
    found = compare_units(
        LayerActivations.of(values, top=8), {"label": BetweenLabels.same(labels, CLASSES)}, rotations=5, bases=1
    )
    ridden = found[RAW].bases[RANDOM][0].distinct
    assert ridden < 0.2
    assert found[UNIT_LENGTH].bases[RANDOM][0].distinct > 3 * ridden


def test_of_a_large_layer_as_many_units_are_drawn_as_asked_for() -> None:
    values, labels = planted()
    found = compared(values, labels, directions=10)
    assert len(found.units) == 10
    assert len(set(found.units.tolist())) == 10
    assert found.unit_tops.shape == found.random_tops.shape == (10, 8)
    assert compared(values, labels, directions=10, seed=1).units.tolist() != found.units.tolist()


def test_units_are_named_by_their_place_in_the_whole_layer() -> None:
    values, labels = planted()
    values = torch.cat([torch.zeros(len(values), 3), values], dim=1)
    assert compared(values, labels).units.tolist() == list(range(3, CLASSES + 3))


def test_the_same_draws_give_the_same() -> None:
    values, labels = planted()
    first, again = compared(values, labels), compared(values, labels)
    for kind, bases in first.bases.items():
        for one, other in zip(bases, again.bases[kind], strict=True):
            np.testing.assert_array_equal(one.coherence, other.coherence)


def test_every_kind_is_there_as_often_as_asked_for() -> None:
    values, labels = planted()
    counts = {kind: len(bases) for kind, bases in compared(values, labels).bases.items()}
    assert counts == {
        "units": 1, "random": 19, "principal": 1, "whitened": 2, "nonnegative": 2,
        "turned-0.25": 2, "turned-0.5": 2, "turned-0.75": 2,
    }  # fmt: skip


def test_nothing_to_compare_is_refused() -> None:
    values, labels = planted()
    with pytest.raises(InputError, match="0 rotations and 1 measures"):
        compared(values, labels, rotations=0)
    with pytest.raises(InputError, match="19 rotations and 0 measures"):
        compare_units(LayerActivations.of(values, top=8), {}, rotations=19)


def test_cosines_are_measured_as_well() -> None:
    values, labels = planted()
    measures: dict[str, Measure] = {
        "label": BetweenLabels.same(labels, CLASSES),
        "cosine": Cosine.between(torch.eye(CLASSES)[labels]),
    }
    found = compare_units(LayerActivations.of(values, top=8), measures, rotations=3, bases=0)[RAW]
    np.testing.assert_allclose(found.unit_coherence[:, 0], found.unit_coherence[:, 1], atol=1e-6)
    np.testing.assert_allclose(found.chance[0], found.chance[1], atol=1e-6)


@pytest.mark.numerics
def test_golden_coherences() -> None:
    """They move when what is drawn or compared does, which raises the stage's ALGORITHM; counts of pairs, so exact."""
    draw = np.random.default_rng(7)
    labels = torch.arange(CLASSES).repeat_interleave(EACH)
    values = torch.eye(CLASSES)[labels] + torch.from_numpy(0.3 * draw.standard_normal((len(labels), CLASSES))).float()
    found = compared(values, labels, rotations=2, bases=1, directions=20)
    pairs = {kind: [round(len(found.units) * 28 * each) for each in shares(found, kind)] for kind in found.bases}
    pairs["principal"] = [round(2 * each) for each in pairs["principal"]]  # either way along each
    assert pairs == GOLDEN
