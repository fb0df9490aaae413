"""How alike the images of a set are: against all pairs, one by one."""

from itertools import combinations

import numpy as np
import pytest
import torch

from blindspots.errors import InputError
from blindspots.units.coherence import BetweenLabels, Cosine, Measure, distinct, reduced

COUNT, CLASSES = 30, 4


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.randint(CLASSES, (COUNT,), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def features() -> torch.Tensor:
    return torch.rand(COUNT, 3, 5, generator=torch.Generator().manual_seed(1))


def by_hand(measure: str, labels: torch.Tensor, features: torch.Tensor, a: int, b: int) -> float:
    if measure == "label":
        return float(labels[a] == labels[b])
    return float(torch.nn.functional.cosine_similarity(features[a].flatten(), features[b].flatten(), dim=0))


def made(measure: str, labels: torch.Tensor, features: torch.Tensor) -> Measure:
    return BetweenLabels.same(labels, CLASSES) if measure == "label" else Cosine.between(features)


@pytest.mark.parametrize("measure", ["label", "cosine"])
def test_chance_is_the_mean_over_all_pairs(measure: str, labels: torch.Tensor, features: torch.Tensor) -> None:
    pairs = [by_hand(measure, labels, features, a, b) for a, b in combinations(range(COUNT), 2)]
    assert made(measure, labels, features).chance == pytest.approx(np.mean(pairs), abs=1e-6)


@pytest.mark.parametrize("measure", ["label", "cosine"])
def test_a_set_is_as_alike_as_its_pairs(measure: str, labels: torch.Tensor, features: torch.Tensor) -> None:
    tops = torch.tensor([[0, 1, 2, 3], [7, 12, 29, 5]])
    found = made(measure, labels, features).of(tops)
    for value, top in zip(found, tops.tolist(), strict=True):
        pairs = [by_hand(measure, labels, features, a, b) for a, b in combinations(top, 2)]
        assert float(value) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_classes_may_be_alike_in_part(labels: torch.Tensor) -> None:
    alike = torch.full((CLASSES, CLASSES), 0.5, dtype=torch.float64).fill_diagonal_(1)
    half, same = BetweenLabels(labels, alike), BetweenLabels.same(labels, CLASSES)
    assert half.chance == pytest.approx(0.5 + 0.5 * same.chance)
    tops = torch.arange(12).reshape(3, 4)
    torch.testing.assert_close(half.of(tops), 0.5 + 0.5 * same.of(tops))


def test_more_features_than_images_are_as_alike_as_they_were() -> None:
    features = torch.randn(12, 400, generator=torch.Generator().manual_seed(2))
    measure = Cosine.between(features)
    assert measure.features.shape == (12, 12)
    wanted = torch.nn.functional.normalize(features) @ torch.nn.functional.normalize(features).T
    torch.testing.assert_close(measure.features @ measure.features.T, wanted, atol=1e-5, rtol=0)


def test_reduced_rows_keep_their_inner_products() -> None:
    rows = torch.randn(6, 50, generator=torch.Generator().manual_seed(3))
    rows[5] = rows[0] + rows[1]  # of a smaller span than there are rows
    small = reduced(rows)
    assert small.shape == (6, 6)
    torch.testing.assert_close(small @ small.T, rows @ rows.T, atol=1e-3, rtol=1e-5)


def test_an_image_without_features_has_no_cosine() -> None:
    with pytest.raises(InputError, match="are all 0"):
        Cosine.between(torch.zeros(3, 4))


def test_distinct_counts_every_image_once() -> None:
    assert distinct(torch.tensor([[0, 1, 2], [2, 1, 5]])) == 4
