"""Certificates of networks that are linear in pieces: which method, what is refused, in whose arithmetic."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.distortion.search import minimum_distortion
from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.proof import certificate
from blindspots.spectral.proof.certificate import certified_radius
from blindspots.spectral.proof.rounded_product import lower_bound
from tests.blindspots.spectral.graph.models import Does, weighed
from tests.blindspots.spectral.mixed import Draw
from tests.blindspots.spectral.relaxation.networks import balanced, dense, grid

POINTS = grid(2, 201)
IMAGES = torch.rand(6, 2, generator=torch.Generator().manual_seed(3))


def model_and_labels():
    model = balanced(dense(4, (2, 8, 8, 3)), POINTS).float()
    return model, model(IMAGES).argmax(1)


def test_the_method_is_chosen_and_said(monkeypatch):
    model, labels = model_and_labels()
    assert certified_radius(model, IMAGES, labels).method == "relaxation"
    assert certified_radius(model, IMAGES, labels, method="exact").method == "exact"
    assert certified_radius(model, IMAGES, labels, method="product").found.isinf().all()
    monkeypatch.setattr(certificate, "_RELAXED", 10)  # too large to be chosen; it can still be asked for
    assert certified_radius(model, IMAGES, labels).method == "product"
    assert certified_radius(model, IMAGES, labels, method="relaxation").method == "relaxation"
    sigmoid = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 3))
    assert certified_radius(sigmoid, IMAGES, labels).method == "local"
    smooth = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 3))
    assert certified_radius(smooth, IMAGES, labels).method == "product"


def test_product_relaxation_exact_found():
    model, labels = model_and_labels()
    product, relaxed, exact = (
        certified_radius(model, IMAGES, labels, method=method) for method in ("product", "relaxation", "exact")
    )
    assert (product.radius <= relaxed.radius).all()
    assert (relaxed.radius <= exact.radius).all()
    assert (exact.radius <= exact.found).all()
    assert exact.exact.all()
    assert not relaxed.exact.all()
    assert not product.exact.any()
    assert math.isnan(exact.constant)
    torch.testing.assert_close(exact.distortion, exact.radius / 2**0.5)
    few = certified_radius(model, IMAGES, labels, method="exact", parts=4)
    assert not few.exact.all()
    # the nearest misread one there is, to the grid's spacing
    wrong = model.double()(POINTS).argmax(1) != labels[:, None]
    nearest = torch.cdist(IMAGES.double(), POINTS).masked_fill(~wrong, torch.inf).amin(1)
    assert (exact.radius <= nearest).all()
    assert (exact.found >= nearest - 0.01).all()


def test_the_models_own_arithmetic(monkeypatch):
    model, labels = model_and_labels()
    real, own = (certified_radius(model, IMAGES, labels, method="exact", arithmetic=which) for which in ("real", "own"))
    assert (own.radius < real.radius).all()
    assert (own.radius > real.radius * 0.99).all()
    wrong = certified_radius(model, IMAGES, (labels + 1) % 3, method="exact", arithmetic="own")
    assert wrong.radius.tolist() == [0.0] * 6
    # the model is evaluated in its own dtype, and held against what its rounding is said to do at most
    whole = certificate.relaxed_radii
    monkeypatch.setattr(certificate, "relaxed_radii", lambda *a, **k: replace(whole(*a, **k), off=torch.zeros(6, 3)))
    with pytest.raises(InputError, match="off those of its copy"):
        certified_radius(model, IMAGES, labels, method="exact", arithmetic="own")


@pytest.mark.parametrize(
    ("model", "settings", "what"),
    [
        (
            nn.Sequential(nn.Linear(2, 3), nn.Softplus()),
            {"method": "exact"},
            r"linear in pieces: layer '1' \(Softplus\)",
        ),
        (
            nn.Sequential(nn.Linear(2, 3), nn.GELU()),
            {"method": "relaxation"},
            r"'relaxation' is for .* layer '1' \(GELU\)",
        ),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU()), {"method": "exact", "parts": 0}, "parts = 0"),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU()), {"arithmetic": "single"}, "must be one of real, own"),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU()), {"arithmetic": "own", "method": "product"}, "'own' is for"),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3)), {"method": "local"}, "sigmoids"),
    ],
)
def test_what_does_not_apply_is_refused_in_one_line(model, settings, what):
    with pytest.raises(InputError, match=what) as refused:
        certified_radius(model, IMAGES, torch.zeros(6, dtype=torch.int64), **settings)
    assert "\n" not in str(refused.value)


def test_weights_that_are_too_large_are_refused():
    model = Draw(0).filled(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3))).double()
    model[0].weight.mul_(1e300)
    model[2].weight.mul_(1e300)
    with pytest.raises(InputError):
        certified_radius(model, IMAGES, torch.zeros(6, dtype=torch.int64), method="exact")


def test_convolutions_in_either_dtype_and_arrays_of_numpy():
    draw = Draw(5)
    layers = (nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    model = draw.filled(nn.Sequential(*layers, nn.Linear(27, 3))).eval()
    images = torch.rand(3, 1, 6, 6)
    labels = model(images).argmax(1)
    single = certified_radius(model, images, labels)
    double = certified_radius(model.double(), images.numpy(), labels.numpy())
    assert single.method == double.method == "relaxation"
    torch.testing.assert_close(single.radius, double.radius, rtol=1e-6, atol=1e-9)


def two_branches():
    """A model that misreads beyond 0.0125, by its second branch; the first, which is pooled, changes nothing."""
    model = Does(
        lambda m, x: (lambda a, b: m.f((b + 0.0 * F.max_pool1d(F.relu(a), 2)).flatten(1)))(m.a(x), m.b(x)),
        a=nn.Conv1d(1, 1, 1),
        b=nn.Conv1d(1, 1, 2),
        f=nn.Linear(1, 2),
    )
    return weighed(model, a=([[[1.0]]], [0.0]), b=([[[-8.0, 0.0]]], [6.5]), f=([[0.0], [1.0]], [0.0, -0.4]))


@pytest.mark.parametrize("method", ["auto", "relaxation", "exact"])
def test_a_branch_that_is_computed_before_a_pooling_counts(method):
    found = certified_radius(two_branches(), torch.tensor([[[0.75, 0.25]]]), torch.tensor([1]), method=method)
    assert 0 < float(found.radius) <= 0.0125 * (1 + 1e-6)
    assert float(found.radius) >= 0.0125 * (1 - 1e-3)


class Autocast(nn.Module):
    """What is computed of 8 bits is misread at 0.123; of 53 bits, from 0.124 on."""

    def __init__(self):
        super().__init__()
        self.fc, self.off = nn.Linear(1, 2, bias=False), torch.tensor([-0.501, 0.501])

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            h = self.fc(x)
        return h + self.off


@pytest.mark.parametrize("settings", [{}, {"method": "exact"}, {"method": "product"}, {"arithmetic": "own"}])
def test_casts_that_float64_does_not_make_are_refused(settings):
    model = weighed(Autocast(), fc=([[1.0], [-1.0]],))
    with pytest.raises(InputError, match="autocast"):
        certified_radius(model, torch.tensor([[0.625]]), torch.tensor([0]), **settings)


@pytest.mark.parametrize("method", ["relaxation", "exact"])
def test_what_the_output_does_not_read_changes_nothing(method):
    model, labels = model_and_labels()
    beside = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU())

    def forward(m, x):
        m.beside(x)
        return m.model(x)

    found, wanted = (
        certified_radius(each, IMAGES, labels, method=method)
        for each in (Does(forward, model=model, beside=beside), model)
    )
    assert torch.equal(found.radius, wanted.radius)


def test_a_window_of_padding_alone_is_refused():
    layers = (nn.AdaptiveAvgPool2d(1), nn.MaxPool2d(2, 1, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1, 3))
    with pytest.raises(InputError, match="padding alone"):
        certified_radius(nn.Sequential(*layers), torch.rand(2, 1, 4, 4), torch.zeros(2, dtype=torch.long))


def test_a_pooling_of_images_without_channels_is_no_obstacle_to_a_search():
    model = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3))
    images = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = model(images).argmax(1)
    with pytest.raises(NoRuleError, match="without channels"):
        certified_radius(model, images, labels)
    assert lower_bound(model, images, labels).isnan().all()
    assert minimum_distortion(model, images, labels).success.any()
