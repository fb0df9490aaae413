import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from blindspots import InputError
from blindspots.distortion.linear import exact_linear_distortion


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


def test_no_other_class_within_the_box():
    weight, bias = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([5.0, 0.0])
    exact = exact_linear_distortion(weight, bias, torch.rand(3, 2), torch.zeros(3, dtype=torch.int64))
    assert torch.isinf(exact.distortion).all()
    assert not exact.perturbation.any()


def test_a_known_answer():
    # the boundary x0 + x1 = 1.5 from (1, 0): x0 is at its bound, so x1 alone moves, by a half
    weight, bias = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([1.5, 0.0])
    exact = exact_linear_distortion(weight, bias, torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert exact.perturbation.tolist() == [[0.0, 0.5]]
    assert exact.distortion.item() == pytest.approx(0.5 / 2**0.5)


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (torch.zeros(3), None, r"\(3,\)"),
        (torch.zeros(3, 4), torch.zeros(2), r"\(2,\)"),
        (torch.zeros(3, 5), torch.zeros(3), "an image has 4 values, the weight takes 5"),
        (torch.zeros(1, 4), None, "only 1 class"),
    ],
)
def test_bad_input(weight, bias, message):
    with pytest.raises(InputError, match=message):
        exact_linear_distortion(weight, bias, torch.rand(2, 4), torch.tensor([0, 0]))
