"""How alike the images of a set are: against all pairs, one by one."""

from itertools import combinations

import numpy as np
import pytest
import torch

from blindspots.units.coherence import BetweenLabels, Cosine, Measure, distinct, gram_of, span_of

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


def test_of_many_images_pairs_are_summed_without_a_matrix_of_all(features: torch.Tensor) -> None:
    few = Cosine.between(features)
    many = Cosine(torch.nn.functional.normalize(features.flatten(1)))
    assert many.chance == pytest.approx(few.chance, abs=1e-6)
    tops = torch.arange(24).reshape(6, 4)
    torch.testing.assert_close(many.of(tops), few.of(tops), atol=1e-6, rtol=0)
    assert Cosine.between(torch.ones(4001, 2)).cosines is None


def test_a_span_keeps_all_inner_products() -> None:
    rows = torch.randn(6, 50, generator=torch.Generator().manual_seed(3))
    rows[5] = rows[0] + rows[1]  # of a smaller span than there are rows
    small = span_of(gram_of(rows))
    assert small.shape == (6, 6)
    torch.testing.assert_close(small @ small.T, rows.double() @ rows.double().T, atol=1e-6, rtol=1e-6)


def test_an_image_without_features_is_like_none() -> None:
    features = torch.eye(3)
    features[1] = 0
    for measure in (Cosine.between(features), Cosine(features)):
        assert measure.chance == 0
        assert measure.of(torch.tensor([[0, 1]])).item() == 0
    features[2] = features[0]
    assert Cosine.between(features).chance == pytest.approx(1 / 3)


def test_distinct_counts_every_image_once() -> None:
    assert distinct(torch.tensor([[0, 1, 2], [2, 1, 5]])) == 4
