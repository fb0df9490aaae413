"""Random networks of few inputs that are linear in pieces: fully connected, convolutional and residual."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.blindspots.spectral.graph.models import Does
from tests.blindspots.spectral.mixed import CLASSES


def _bend(draw):
    kinds = (nn.ReLU(), nn.ReLU(), nn.LeakyReLU(draw.number()), nn.PReLU(), Does(lambda m, x: F.relu(x)))
    return draw.pick.choice(kinds)


def _dense(draw, size):
    parts = []
    for _ in range(draw.pick.randint(0, 2)):
        out = draw.pick.randint(2, 7)
        parts += [draw.filled(nn.Linear(size, out)), _bend(draw)]
        if draw.pick.random() < 0.3:
            parts.insert(-1, draw.filled(nn.BatchNorm1d(out)))
        size = out
    return parts, size


def _convolved(draw, size):
    maps, stride = draw.pick.randint(1, 3), draw.pick.choice([1, 1, 2])
    layer = draw.filled(nn.Conv1d(1, maps, 3, stride, padding=draw.pick.choice([1, 2])))
    norm = draw.filled(nn.BatchNorm1d(maps)) if draw.pick.random() < 0.4 else nn.Identity()
    pools = (
        nn.MaxPool1d(2, 1, 1),
        nn.AvgPool1d(2, 1, 1),
        nn.MaxPool1d(3, 2, 1),
        nn.AdaptiveAvgPool1d(2),
        nn.Identity(),
    )
    rest = [norm, _bend(draw), draw.pick.choice(pools)]
    if draw.pick.random() < 0.5:
        rest = [norm, rest[2], rest[1]]
    body = nn.Sequential(layer, *rest)
    with torch.no_grad():
        shape = body.eval()(torch.zeros(1, 1, size)).shape
    parts = [Does(lambda m, x: x[:, None]), *body]
    if draw.pick.random() < 0.5:
        second = draw.filled(nn.Conv1d(maps, 2, 2, padding=1))
        parts += [second, _bend(draw)]
        shape = (1, 2, shape[2] + 1)
    return [*parts, nn.Flatten()], shape[1] * shape[2]


def _residual(draw, size):
    parts, size = _dense(draw, size)
    inner = nn.Sequential(draw.filled(nn.Linear(size, size)), _bend(draw), draw.filled(nn.Linear(size, size)))
    factor = draw.number()
    sums = (
        *(lambda m, x: x + m.inner(x), lambda m, x: F.relu(x) - m.inner(x) * factor),
        *(lambda m, x: torch.add(m.inner(x), F.relu(x), alpha=factor), lambda m, x: m.inner(x) + x.flip(1) / 2),
    )
    return [*parts, Does(draw.pick.choice(sums), inner=inner), _bend(draw)], size


def rectified(draw, size):
    """A network that is linear in pieces, with its input normalised in some."""
    first = [Does(lambda m, x: (x - 0.4) / 0.3)] if draw.pick.random() < 0.4 else []
    parts, size = draw.pick.choice([_dense, _convolved, _residual])(draw, size)
    return nn.Sequential(*first, *parts, draw.filled(nn.Linear(size, CLASSES)))
