"""The methods as objects: what may be asked of them, and what follows from it."""

import itertools

import pytest
import torch
from torch import nn

from blindspots import InputError, distances_to_all, minimum_distortion
from blindspots.distortion.methods import Lbfgs, Projection


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("cw", "no method is called 'cw'; give one of auto, lbfgs, lbfgs-norm, projection"),
        (None, "no method is called None"),
        (["auto"], r"no method is called \['auto'\]"),
        ({}, "no method is called {}"),
    ],
)
def test_a_method_there_is_none_of(linear, method, message):
    with pytest.raises(InputError, match=message):
        minimum_distortion(linear.model, linear.images, linear.labels, method=method)


@pytest.mark.parametrize(
    ("kind", "field", "value", "message"),
    [
        (Projection, "rounds", 0, "rounds is 0; give an integer from 1"),
        (Lbfgs, "values", 2.5, "values is 2.5"),
        (Lbfgs, "iterations", True, "iterations is True"),
        (Lbfgs, "penalty", "l1", "the penalty is 'l1'; give 'squared' or 'norm'"),
        (Lbfgs, "c", "batch", "c is 'batch'; give 'example' or 'set'"),
        (Lbfgs, "tolerance", 1.5, "tolerance is 1.5"),
        (Lbfgs, "tolerance", "0.1", "tolerance is '0.1'; give a number"),
    ],
)
def test_settings_that_make_no_sense(kind, field, value, message):
    with pytest.raises(InputError, match=message):
        kind(**{field: value})


def test_both_forms_of_the_penalty_end_at_the_same_distortion(sigmoid):
    found = {
        form: minimum_distortion(
            sigmoid.model, sigmoid.images, sigmoid.labels, rule="second", method=Lbfgs(penalty=form, values=10)
        )
        for form in ("squared", "norm")
    }
    assert all(each.success.all() for each in found.values())
    means = [float(each.distortion.mean()) for each in found.values()]
    assert means[0] == pytest.approx(means[1], rel=5e-3)
    assert means[0] != means[1]


@pytest.mark.parametrize("penalty", ["squared", "norm"])
@pytest.mark.parametrize("rule", ["nearest", "random"])
@pytest.mark.parametrize("width", [3, 30])
def test_a_finer_search_over_c_is_not_worse(small_network, rule, width, penalty):
    """But for rare rows: rounding, which differs with the batch, can send a saturated one elsewhere."""
    rows = worse = 0
    for seed in range(4):
        model, images, labels = small_network(seed, width)
        model, images = model.double(), images.double()
        before = None
        for values in (1, 3, 8):
            method = Lbfgs(values=values, penalty=penalty)
            found = minimum_distortion(model, images, labels, rule=rule, method=method)
            if before is not None:
                assert found.success[before.success].all()
                both = before.success
                rows += int(both.sum())
                worse += int((found.distortion[both] > before.distortion[both] * (1 + 1e-3)).sum())
            before = found
    assert rows > 50
    assert worse <= 0.03 * rows


def test_more_rounds_are_never_worse(case):
    found = [
        minimum_distortion(case.model, case.images, case.labels, method=Projection(rounds=rounds)).distortion.mean()
        for rounds in (1, 2, 4, 8, 30)
    ]
    assert all(finer <= coarser * (1 + 1e-4) for coarser, finer in itertools.pairwise(found))
    assert found[-1] < found[0] or case.model[-1] is case.model[1]


def test_distances_to_all(sigmoid):
    images, labels = sigmoid.images[:20], sigmoid.labels[:20]
    distances = distances_to_all(sigmoid.model, images, labels)
    assert distances.shape == (20, 10)
    with torch.no_grad():
        clean = sigmoid.model(images).argmax(1)
    assert torch.equal(
        distances == 0, nn.functional.one_hot(labels, 10).bool() | nn.functional.one_hot(clean, 10).bool()
    )
    nearest = minimum_distortion(sigmoid.model, images, labels).distortion
    least = distances.scatter(1, labels[:, None], torch.inf).amin(1)
    assert ((least / nearest)[nearest > 0] - 1).abs().max() < 0.3  # not the same search, which misses a class at times
    assert float(least.mean()) == pytest.approx(float(nearest.mean()), rel=3e-2)
    targets = (labels + 3) % 10
    one = minimum_distortion(sigmoid.model, images, labels, rule=targets).distortion
    torch.testing.assert_close(distances.gather(1, targets[:, None])[:, 0], one, rtol=1e-2, atol=1e-6)
