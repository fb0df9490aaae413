"""The linear classifier: its optimum, and scores that know nothing of the example they are of."""

import numpy as np
import pytest
import torch

from blindspots.detectors.linear import cross_validated, fit_linear, folds_of
from blindspots.detectors.ranking import area_under_curve
from blindspots.errors import InputError


def examples(n: int, d: int, *, seed: int = 0, signal: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    positive = draw.random(n) < 0.2
    features = draw.normal(size=(n, d)) * draw.uniform(0.1, 10, d) + 3
    features[:, 0] += 10 * signal * positive
    return features, positive


@pytest.mark.parametrize(("n", "d"), [(80, 6), (40, 100)])
def test_it_is_the_minimum_of_what_it_says(n: int, d: int) -> None:
    """Its gradient is nothing there: by torch, with one weight a feature, in whatever number."""
    features, positive = examples(n, d)
    features[:, -1] = 2.0  # a feature that tells nothing
    found = fit_linear(features, positive, decay=0.05)
    scale = features.std(axis=0) * np.sqrt(d)
    scale[-1] = np.inf
    weights = torch.tensor(np.where(np.isfinite(scale), found.weights * np.where(scale == np.inf, 1, scale), 0))
    rows = torch.tensor((features - features.mean(axis=0)) / scale)
    bias = torch.tensor(found.bias + found.weights @ features.mean(axis=0))
    weights.requires_grad_(True)
    bias.requires_grad_(True)
    side = torch.tensor(np.where(positive, 1.0, -1.0))
    shares = torch.tensor(np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum()))
    margins = side * (rows @ weights + bias)
    loss = (shares * torch.nn.functional.softplus(-margins)).sum() + 0.025 * weights.square().sum()
    for gradient in torch.autograd.grad(loss, (weights, bias)):
        assert float(gradient.abs().max()) < 1e-5
    assert float(weights.detach().norm()) > 0.5
    assert found.weights[-1] == 0


def test_the_units_of_a_feature_make_no_difference() -> None:
    features, positive = examples(60, 5)
    one = fit_linear(features, positive, decay=0.1).scores(features)
    other = fit_linear(1000 * features - 7, positive, decay=0.1).scores(1000 * features - 7)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_folds_are_seeded_and_have_as_many_positive_examples_each() -> None:
    _, positive = examples(203, 2)
    of = folds_of(positive, 5, seed=0)
    for kind in (False, True):
        counts = np.bincount(of[positive == kind], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert (folds_of(positive, 5, seed=0) == of).all()
    assert (folds_of(positive, 5, seed=1) != of).any()
    with pytest.raises(InputError, match="3 pictures of a kind for 5 folds"):
        folds_of(np.arange(20) < 3, 5, seed=0)


def test_scores_of_noise_know_nothing() -> None:
    """With more features than examples a classifier knows its own by heart, and that must not be seen."""
    features, positive = examples(150, 400, signal=0)
    own = fit_linear(features, positive, decay=1e-3).scores(features)
    assert area_under_curve(own, positive).area > 0.99
    held = cross_validated(features, positive, folds=5, decay=1e-3, seed=0)
    found = area_under_curve(held, positive)
    assert found.low < 0.5 < found.high
    told, positive = examples(150, 400)
    assert area_under_curve(cross_validated(told, positive, folds=5, decay=1e-2, seed=0), positive).area > 0.55


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="all examples are of one kind"):
        fit_linear(np.zeros((3, 2)), np.ones(3, bool), decay=1)


def test_columns_are_taken_in_parts_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    features, positive = examples(40, 15)
    whole = fit_linear(features, positive, decay=0.05)
    monkeypatch.setattr("blindspots.detectors.linear._COLUMNS", 7)
    parts = fit_linear(features, positive, decay=0.05)
    assert np.array_equal(whole.weights, parts.weights)
    assert whole.bias == parts.bias
    np.testing.assert_array_equal(features, examples(40, 15)[0])  # which are left as they are
