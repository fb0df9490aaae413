"""Random networks that are linear in pieces, of few inputs, and what is true of them."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from blindspots.spectral.graph.graph import trace
from blindspots.spectral.relaxation.reading import piecewise
from tests.blindspots.spectral.mixed import Draw

CPU = torch.device("cpu")
CLASSES = 3


def read(model, shape):
    return piecewise(trace(model, shape), CPU)


def dense(seed, sizes, *, bend=nn.ReLU):
    """A fully connected network of float64."""
    draw, parts = Draw(seed), []
    for inputs, outputs in pairwise(sizes):
        parts += [draw.filled(nn.Linear(inputs, outputs)), bend()]
    return nn.Sequential(*parts[:-1]).double().eval()


def pooled(seed):
    """A convolutional network of 36 inputs with all kinds of layers that are linear in pieces."""
    draw = Draw(seed)
    parts = (nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.PReLU(3))
    parts = (*parts, nn.Conv2d(3, 4, 2, stride=2, padding="valid"), nn.LeakyReLU(0.2), nn.AvgPool2d(1), nn.Flatten())
    return draw.filled(nn.Sequential(*parts, nn.Linear(4, CLASSES))).double().eval()


class Residual(nn.Module):
    """A residual network with a normalised input, sums, differences, means and selections."""

    def __init__(self, draw):
        super().__init__()
        self.first, self.second = (
            draw.filled(nn.Conv1d(1, 2, 3, padding=1)),
            draw.filled(nn.Conv1d(2, 2, 3, padding="same")),
        )
        self.norm, self.last = draw.filled(nn.BatchNorm1d(2)), draw.filled(nn.Linear(6, CLASSES))
        self.register_buffer("mean", torch.tensor([[0.4, 0.1, 0.6]]))

    def forward(self, images):
        values = F.relu(self.first(((images - self.mean) / 0.3)[:, None]))
        values = values - 0.5 * F.leaky_relu(self.norm(self.second(values)), 0.3)
        pool = F.max_pool1d(F.relu(values), 2, 1)
        ends = torch.flip(values, [2])[:, :, :2]
        joined = torch.add(pool, ends, alpha=0.7).flatten(1) + values.mean(2).repeat(1, 2)
        return self.last(self.shape_of(joined))

    def shape_of(self, joined):
        return joined.view(joined.size(0), -1)[:, [0, 1, 2, 3, 0, 1]]


def residual(seed):
    return Residual(Draw(seed)).double().eval()


def grid(axes, points):
    along = torch.linspace(0, 1, points, dtype=torch.float64)
    return torch.cartesian_prod(*[along] * axes).reshape(-1, axes)


def balanced(model, points):
    """Shift the last bias so that every class leads somewhere."""
    last = model[-1] if isinstance(model, nn.Sequential) else model.last
    with torch.no_grad():
        last.bias.sub_(model(points).quantile(0.5, dim=0))
    return model.requires_grad_(False)


def distances(model, images, labels, points):
    """How far the nearest of ``points`` is that the model reads as another class than an image's label."""
    wrong = model(points).argmax(1) != labels[:, None]
    far = torch.cdist(images, points, compute_mode="donot_use_mm_for_euclid_dist")
    return far.masked_fill(~wrong, torch.inf).amin(dim=1)


__all__ = ["CPU", "balanced", "dense", "distances", "grid", "pooled", "read", "residual"]
