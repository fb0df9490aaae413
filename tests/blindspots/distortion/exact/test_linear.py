from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from blindspots import InputError
from blindspots.distortion.exact.linear import exact_distances, exact_linear_distortion
from blindspots.perturbation.measure import distortion


def scipy_distortion(weight, bias, image, label):
    """The least distance over all rivals, each a quadratic program solved through its dual by scipy's L-BFGS-B."""
    best = np.inf
    for rival in range(len(weight)):
        if rival == label:
            continue
        normal = weight[rival] - weight[label]
        level = bias[label] - bias[rival]

        def dual(mu, normal=normal, level=level):
            point = np.clip(image + mu[0] * normal, 0, 1)
            missing = level - normal @ point
            return -(0.5 * np.sum((point - image) ** 2) + mu[0] * missing), np.array([-missing])

        found = minimize(
            dual, [0.1], jac=True, method="L-BFGS-B", bounds=[(0, None)], options={"ftol": 1e-15, "gtol": 1e-11}
        )
        point = np.clip(image + found.x[0] * normal, 0, 1)
        if normal @ point >= level - 1e-6:
            best = min(best, np.linalg.norm(point - image))
    return best / len(image) ** 0.5


def test_equals_scipy(linear):
    weight, bias = linear.model[1].weight, linear.model[1].bias
    exact = exact_linear_distortion(weight, bias, linear.images[:40], linear.labels[:40])
    for row in range(40):
        image = linear.images[row].double().numpy().ravel()
        logits = weight.detach().double().numpy() @ image + bias.detach().double().numpy()
        if logits.argmax() != linear.labels[row]:
            assert exact.distortion[row] == 0
            continue
        other = scipy_distortion(
            weight.detach().double().numpy(), bias.detach().double().numpy(), image, int(linear.labels[row])
        )
        assert exact.distortion[row] == pytest.approx(other, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 6), scale=st.sampled_from([0.01, 1.0, 100.0]))
def test_is_optimal_and_inside(seed, classes, scale):
    random = torch.Generator().manual_seed(seed)
    weight = scale * torch.randn(classes, 12, generator=random, dtype=torch.float64)
    images = (1.5 * torch.rand(8, 12, generator=random, dtype=torch.float64) - 0.25).clamp(0, 1)
    labels = (images @ weight.T).argmax(1)
    exact = exact_linear_distortion(weight, None, images, labels)
    found = torch.isfinite(exact.distortion)
    distorted = images + exact.perturbation
    assert distorted.min() >= 0
    assert distorted.max() <= 1
    assert (exact.residual[found] < 1e-9).all()
    logits = distorted @ weight.T
    lead = logits.gather(1, exact.target[:, None])[:, 0] - logits.gather(1, labels[:, None])[:, 0]
    assert (lead[found].abs() <= 1e-9 * scale).all()
    # no random point of the box beyond the boundary is nearer
    others = torch.rand(4000, 12, generator=random, dtype=torch.float64)
    read = (others @ weight.T).argmax(1)
    for row in range(len(images)):
        misread = others[read != labels[row]]
        if len(misread):
            assert (misread - images[row]).square().mean(1).sqrt().min() >= exact.distortion[row]
        if not found[row]:
            assert not len(misread)


def scipy_distance_to_target(weight, bias, image, target):
    """The distance to all of a target's half-spaces in the box, through the dual by scipy's L-BFGS-B."""
    rivals = np.arange(len(weight)) != target
    normals, levels = weight[target] - weight[rivals], bias[rivals] - bias[target]

    def dual(multipliers):
        point = np.clip(image + multipliers @ normals, 0, 1)
        missing = levels - normals @ point
        return -(0.5 * np.sum((point - image) ** 2) + multipliers @ missing), -missing

    settings = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 20000, "maxfun": 40000, "maxcor": 50}
    start = np.full(len(levels), 0.01)
    found = minimize(dual, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start), options=settings)
    return np.linalg.norm(np.clip(image + found.x @ normals, 0, 1) - image)


def test_of_targets_equals_scipy(linear):
    count = 40
    weight, bias = linear.model[1].weight.detach(), linear.model[1].bias.detach()
    images, labels = linear.images[:count], linear.labels[:count]
    targets = (labels + 1 + torch.arange(count) % 9) % 10
    exact = exact_linear_distortion(weight, bias, images, labels, targets=targets)
    assert torch.equal(exact.target, targets)
    assert (exact.residual < 1e-11).all()
    for row in range(count):
        other = scipy_distance_to_target(
            weight.double().numpy(), bias.double().numpy(), images[row].double().numpy().ravel(), int(targets[row])
        )
        assert exact.distortion[row] * 8 == pytest.approx(other, rel=1e-6)
    torch.testing.assert_close(distortion(exact.perturbation), exact.distortion, rtol=1e-14, atol=0)


def lp_reachable(weight, bias, target):
    """Whether any image of the box is read as the target, by linear programming: the largest least lead is positive."""
    rivals = np.arange(len(weight)) != target
    normals, levels = weight[target] - weight[rivals], bias[rivals] - bias[target]
    count = normals.shape[1]
    found = linprog(
        np.append(np.zeros(count), -1.0),
        A_ub=np.column_stack([-normals, np.ones(len(normals))]),
        b_ub=-levels,
        bounds=[(0, 1)] * count + [(None, None)],
    )
    return -found.fun


@settings(max_examples=60, deadline=None)
@example(seed=1298, classes=8, values=6, rank=3, spread=0.0)  # black alone is read as some targets
@example(seed=1341, classes=2, values=1, rank=1, spread=0.0)  # and touches the boundary, but for rounding
@given(
    seed=st.integers(0, 10**6),
    classes=st.integers(2, 12),
    values=st.sampled_from([1, 2, 6, 20]),
    rank=st.sampled_from([1, 3, 20]),
    spread=st.sampled_from([0.0, 0.3, 3.0]),
)
def test_of_all_targets_and_of_the_nearest_agree(seed, classes, values, rank, spread):
    random = torch.Generator().manual_seed(seed)
    draw = partial(torch.randn, generator=random, dtype=torch.float64)
    weight, bias = draw(classes, rank) @ draw(rank, values), spread * draw(classes)
    images = (2 * torch.rand(6, values, generator=random, dtype=torch.float64) - 0.5).clamp(0, 1)
    labels = (images @ weight.T + bias).argmax(1)
    near = exact_linear_distortion(weight, bias, images, labels)
    assert (near.residual < 1e-9).all()
    least = torch.full_like(near.distortion, torch.inf)
    for step in range(1, classes):
        targets = (labels + step) % classes
        exact = exact_linear_distortion(weight, bias, images, labels, targets=targets)
        assert (exact.residual < 1e-9).all()
        distorted = images + exact.perturbation
        assert distorted.min() >= 0
        assert distorted.max() <= 1
        logits = distorted @ weight.T + bias
        lead = logits.gather(1, targets[:, None])[:, 0] - logits.amax(1)
        found = torch.isfinite(exact.distortion)
        assert (lead[found] > -1e-9 * (1 + weight.abs().max())).all()
        assert not exact.perturbation[~found].any()
        assert (exact.distortion >= near.distortion * (1 - 1e-8)).all()
        least = least.minimum(exact.distortion)
        for row in range(0, len(images), 3):
            room = lp_reachable(weight.numpy(), bias.numpy(), int(targets[row]))
            assert found[row] == (room >= 0) or abs(room) < 1e-9
    torch.testing.assert_close(least, near.distortion, rtol=1e-8, atol=0)


def test_misread_from_the_start_costs_nothing_and_names_the_class_read():
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    exact = exact_linear_distortion(weight, None, torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert exact.distortion.tolist() == [0.0]
    assert exact.target.tolist() == [2]
    assert not exact.residual.any()
    assert not exact.perturbation.any()


def test_of_targets_read_already_or_only_beside_the_label():
    # class 0 is read above x0 = 0.5; class 2 nowhere, for class 1 beats it by 1 everywhere
    weight, bias = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]), torch.tensor([0.0, 0.5, -0.5])
    images, labels = torch.tensor([[0.8, 0.3], [0.8, 0.3], [0.8, 0.3]]), torch.tensor([0, 2, 1])
    exact = exact_linear_distortion(weight, bias, images, labels, targets=torch.tensor([1, 0, 2]))
    expected = torch.tensor([0.3 / 2**0.5, 0, torch.inf], dtype=torch.float64)
    torch.testing.assert_close(exact.distortion, expected, rtol=1e-6, atol=0)
    assert not exact.residual[1:].any()
    assert not exact.perturbation[1:].any()


def test_of_targets_in_a_corner_where_rivals_cannot_be_told_apart():
    # twelve values and forty classes: few regions reach far into the box, and most solutions lie in a corner
    random = torch.Generator().manual_seed(3)
    weight = torch.randn(40, 12, generator=random, dtype=torch.float64)
    images = (1.5 * torch.rand(60, 12, generator=random, dtype=torch.float64) - 0.25).clamp(0, 1)
    labels = (images @ weight.T).argmax(1)
    exact = exact_linear_distortion(weight, None, images, labels, targets=(labels + 7) % 40)
    assert (exact.residual < 1e-9).all()
    assert torch.isfinite(exact.distortion).any()


def test_of_a_hundred_classes_in_chunks():
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(100, 784, generator=random)
    images = (1.5 * torch.rand(60, 784, generator=random) - 0.25).clamp(0, 1)
    labels = (images @ weight.T).argmax(1)
    targets = (labels + 1) % 100
    exact = exact_linear_distortion(weight, None, images, labels, targets=targets)
    assert (exact.residual < 1e-10).all()
    last = exact_linear_distortion(weight, None, images[-1:], labels[-1:], targets=targets[-1:])
    torch.testing.assert_close(exact.distortion[-1:], last.distortion, rtol=1e-11, atol=0)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.tensor([1, 0]), "the target of image 1 is its label, 0"),
        (torch.tensor([1, 3]), "the target of image 1 is 3; it must be from 0 to 2"),
        (torch.tensor([1]), r"give one target an image, \(2,\)"),
        (torch.tensor([1.0, 2.0]), "targets' dtype is torch.float32"),
    ],
)
def test_bad_targets(targets, message):
    with pytest.raises(InputError, match=message):
        exact_linear_distortion(torch.eye(3), None, torch.rand(2, 3), torch.tensor([0, 0]), targets=targets)


def test_no_other_class_within_the_box():
    weight, bias = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([5.0, 0.0])
    exact = exact_linear_distortion(weight, bias, torch.rand(3, 2), torch.zeros(3, dtype=torch.int64))
    assert torch.isinf(exact.distortion).all()
    assert not exact.perturbation.any()


def test_a_known_answer():
    # the boundary x0 + x1 = 1.5 from (1, 0): x0 is at its bound, so x1 alone moves, by a half
    weight, bias = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([1.5, 0.0])
    exact = exact_linear_distortion(weight, bias, torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    torch.testing.assert_close(exact.perturbation, torch.tensor([[0.0, 0.5]], dtype=torch.float64), rtol=0, atol=1e-12)
    assert exact.distortion.item() == pytest.approx(0.5 / 2**0.5)


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (torch.zeros(3), None, r"\(3,\)"),
        (torch.zeros(3, 4), torch.zeros(2), r"\(2,\)"),
        (torch.zeros(3, 5), torch.zeros(3), "an image has 4 values, the weight takes 5"),
        (torch.zeros(1, 4), None, "only 1 class"),
        (torch.full((3, 4), torch.nan), None, "the weight holds NaN or infinity"),
        (torch.zeros(3, 4), torch.tensor([0, torch.inf, 0]), "the bias holds NaN or infinity"),
        (torch.zeros(3, 4, dtype=torch.complex64), None, "the weight's dtype is torch.complex64; give real numbers"),
        (torch.zeros(3, 4), [0.0, 0.0, 0.0], "the bias is a list"),
        (torch.zeros(3, 4), 0.0, "the bias is a float"),
        (torch.zeros(3, 4), torch.zeros(3).to_sparse(), "the bias is sparse"),
        (torch.zeros(3, 4), torch.zeros(3, device="meta"), "the bias is on the device meta"),
    ],
)
def test_bad_input(weight, bias, message):
    with pytest.raises(InputError, match=message):
        exact_linear_distortion(weight, bias, torch.rand(2, 4), torch.tensor([0, 0]))


def test_distances_without_proof_are_the_same(linear):
    layer = linear.model[1]
    for bias in (layer.bias, None):
        exact = exact_linear_distortion(layer.weight, bias, linear.images, linear.labels).distortion
        plain = exact_distances(layer.weight, bias, linear.images, linear.labels)
        torch.testing.assert_close(plain, exact, rtol=1e-9, atol=0)
    out_of_reach = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([5.0, 0.0])
    assert exact_distances(*out_of_reach, torch.rand(3, 2), torch.zeros(3, dtype=torch.int64)).isinf().all()
