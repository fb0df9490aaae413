"""Random networks of few inputs: layers of all kinds, as modules and as calls, with numbers, broadcasting and casts.

Each is drawn from a seed. Its classes are balanced over the box, so that its images lie near a boundary.
"""

import random
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from tests.blindspots.spectral.graph.models import Does

CLASSES = 3


class Draw:
    """Numbers, tensors and choices from one seed."""

    def __init__(self, seed):
        self.pick = random.Random(seed)
        self.tensors = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0):
        return scale * torch.randn(shape, generator=self.tensors)

    def filled(self, module):
        """Give a module random weights and statistics; of a size that spreads inputs about as far as they are."""
        for name, values in [*module.named_parameters(), *module.named_buffers()]:
            if values.is_floating_point():
                fresh = self.normal(*values.shape)
                if name.endswith("running_var"):
                    fresh = fresh.abs() + 0.3
                elif values.dim() > 1:
                    fresh = 1.4 * fresh / values[0].numel() ** 0.5
                values.detach().copy_(fresh)
        return module.requires_grad_(False)

    def number(self):
        return self.pick.choice([0.7, 0.3, 1.1, -0.9, 1 / 3, 2.5])


def _linear(draw, size):
    out = draw.pick.randint(1, 5)
    weight, bias = draw.normal(out, size, scale=1.4 / size**0.5), draw.normal(out)
    how = draw.pick.randrange(4)
    if how == 0:
        return draw.filled(nn.Linear(size, out)), out
    calls = (
        lambda m, x: F.linear(x, m.w, m.b),
        lambda m, x: F.linear(bias=m.b, weight=m.w, input=x),
        lambda m, x: x @ m.w.T + m.b,
    )
    return Does(calls[how - 1], w=weight, b=bias), out


def _normalised(draw, size):
    how = draw.pick.randrange(7)
    weight, bias, mean, var = draw.normal(4, size)
    if how == 0:
        return draw.filled(nn.BatchNorm1d(size)), size
    if how == 1:
        return draw.filled(nn.LayerNorm(size, eps=0.3)), size
    if how == 2:
        return draw.filled(nn.RMSNorm(size, eps=0.2)), size
    if how == 3:
        return draw.filled(nn.GroupNorm(1, size, eps=0.3)), size
    calls = (
        lambda m, x: F.batch_norm(x, m.m, m.v, m.w, m.b, eps=1e-3),
        lambda m, x: F.layer_norm(x, (x.shape[1],), m.w, m.b, 0.3),
        lambda m, x: F.group_norm(x, 1, m.w, bias=m.b, eps=0.3),
    )
    return Does(calls[how - 4], w=weight, b=bias, m=mean, v=var.abs() + 0.3), size


def _activation(draw, size):
    slope, low = draw.number(), -abs(draw.number())
    modules = (
        *(nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Hardswish(), nn.Softmax(1)),
        *(
            nn.LeakyReLU(slope),
            nn.ELU(abs(slope)),
            nn.Hardtanh(low, 0.8),
            nn.LogSoftmax(1),
            nn.Dropout(),
            nn.Identity(),
        ),
    )
    calls = (
        *(torch.relu, torch.tanh, torch.sin, torch.abs, F.mish, F.softsign, torch.atan),
        *(lambda x: F.leaky_relu(x, negative_slope=slope), lambda x: F.elu(x, abs(slope)), lambda x: x.clamp(low, 0.6)),
        *(lambda x: F.hardtanh(x, low, 0.5), lambda x: torch.clamp(x, max=0.4), lambda x: F.softmax(x, dim=-1)),
        lambda x: F.dropout(x, 0.3, False),
    )
    if draw.pick.random() < 0.5:
        return draw.pick.choice(modules), size
    call = draw.pick.choice(calls)
    return Does(lambda m, x: call(x)), size


def _numbers(draw, size):
    first, second = draw.number(), draw.number()
    calls = (
        *(lambda m, x: x * first, lambda m, x: x / first, lambda m, x: first - x, lambda m, x: (x - first) / second),
        *(lambda m, x: torch.add(x, m.c, alpha=first), lambda m, x: x * m.c, lambda m, x: m.c - x / second),
        *(lambda m, x: x * 1e-30 * 1e10 * 1e20, lambda m, x: x.mul(first).sub_(second)),
    )
    return Does(draw.pick.choice(calls), c=draw.normal(1, size)), size


def _broadcast(draw, size):
    wide = draw.pick.randint(2, 6)
    one, grid = draw.normal(1, wide) - 1.0, draw.normal(1, size, wide) - 1.0
    thin = (
        lambda m, x: x[:, :1].clamp(min=m.one),
        lambda m, x: torch.clamp_max(x[:, :1], -m.one),
        lambda m, x: torch.maximum(x[:, -1:], m.one),
        lambda m, x: torch.minimum(-m.one, x[:, :1]),
        lambda m, x: x[:, :1] + m.one,
        lambda m, x: m.one * x[:, :1],
        lambda m, x: torch.sub(m.one, x[:, :1], alpha=0.7),
    )
    thick = (
        lambda m, x: (x[:, :, None] + m.grid).flatten(1),
        lambda m, x: (x[:, :, None] * m.grid).mean(2),
        lambda m, x: x[:, :, None].clamp(min=m.grid).flatten(1),
    )
    at = draw.pick.randrange(len(thin) + len(thick))
    if at < len(thin):
        return Does(thin[at], one=one), wide
    return Does(thick[at - len(thin)], grid=grid), size if at == len(thin) + 1 else size * wide


def _rearranged(draw, size):
    calls = (
        (lambda m, x: x.repeat(1, 2), 2 * size),
        (lambda m, x: x.flip(1), size),
        (lambda m, x: torch.cat([x, x[:, :1]], 1), size + 1),
        (lambda m, x: x[:, [0, 0, -1]], 3),
        (lambda m, x: x.mean(1, keepdim=True), 1),
        (lambda m, x: x.amax(1, keepdim=True), 1),
        (lambda m, x: x.sum(dim=1, keepdim=True), 1),
        (lambda m, x: x[:, None].expand(-1, 2, -1).reshape(x.shape[0], -1), 2 * size),
        (lambda m, x: x.type_as(x).to(x.dtype), size),
    )
    what, out = draw.pick.choice(calls)
    return Does(what), out


def _beside(draw, size):
    part, out = _linear(draw, size)
    if draw.pick.random() < 0.5:
        return Does(lambda m, x: torch.cat([m.part(x), x], dim=1), part=part), out + size
    same = draw.filled(nn.Linear(size, size))
    calls = (
        *(lambda m, x: x + m.part(x), lambda m, x: torch.sub(m.part(x), x, alpha=0.4)),
        *(lambda m, x: torch.maximum(x, m.part(x)), lambda m, x: m.part(x) - x * 0.3),
    )
    return Does(draw.pick.choice(calls), part=same), size


def _untracked(draw):
    """A norm whose flag was changed after it was made: it has statistics and goes without them."""
    norm = draw.filled(nn.InstanceNorm1d(1, eps=0.3, affine=True, track_running_stats=True))
    norm.track_running_stats = draw.pick.random() < 0.5
    return Does(lambda m, x: m.norm(torch.cat([x, 1 - x], 2))[:, :, : x.shape[2]], norm=norm)


def _signal(draw, size):
    """What is done to a row as a signal of one channel."""
    out, taps = draw.pick.randint(1, 3), draw.pick.randint(1, min(3, size))
    mode = draw.pick.choice(["zeros", "circular", "replicate", "reflect"]) if taps == 3 and size > 1 else "zeros"
    pad = taps // 2
    same = size + 2 * pad - taps + 1
    factor = draw.pick.choice([1.5, 2.0, 7 / 3, 3.0])
    larger = int(size * factor)
    weight, bias = draw.normal(out, 1, taps), draw.normal(out)
    kinds = (
        (draw.filled(nn.Conv1d(1, out, taps, padding=pad, padding_mode=mode)), out * same),
        (Does(lambda m, x: F.conv1d(x, m.w, m.b, padding=pad), w=weight, b=bias), out * same),
        (draw.filled(nn.ConvTranspose1d(1, out, 2, stride=2)), out * 2 * size),
        (nn.MaxPool1d(2, 1, 1), size + 1),
        (nn.AvgPool1d(2, 1, 1), size + 1),
        (nn.Upsample(scale_factor=factor), larger),
        (nn.Upsample(scale_factor=factor, mode="linear", align_corners=draw.pick.random() < 0.5), larger),
        (Does(lambda m, x: F.interpolate(x, scale_factor=factor, mode="nearest-exact")), larger),
        (Does(lambda m, x: F.interpolate(x, scale_factor=factor, recompute_scale_factor=True)), larger),
        (Does(lambda m, x: F.pad(x, (1, 0), value=0.3)), size + 1),
        (Does(lambda m, x: F.pad(x, (1, 1), mode="replicate")), size + 2),
        (Does(lambda m, x: F.max_pool1d(x, 2, stride=1, padding=1)), size + 1),
        (Does(lambda m, x: F.conv_transpose1d(x, m.w, m.b[:1], 2), w=weight[:1], b=bias), 2 * (size - 1) + taps),
        (Does(lambda m, x: F.instance_norm(x, m.b[:1], m.b[:1].abs() + 0.2, use_input_stats=False), b=bias), size),
        (_untracked(draw), size),
    )
    part, width = draw.pick.choice(kinds)
    return Does(lambda m, x: m.part(x[:, None]).flatten(1), part=part), width


def _fewer_bits(draw, size):
    dtype = draw.pick.choice([torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
    calls = (
        lambda m, x: x.to(dtype).to(m.c.dtype),
        lambda m, x: x.type(dtype).type_as(m.c),
        lambda m, x: x.half().to(m.c),
        lambda m, x: F.softmax(x, 1, dtype=torch.bfloat16).to(m.c.dtype),
    )
    return Does(draw.pick.choice(calls), c=torch.ones(1)), size


KINDS: dict[Callable, int] = {
    _linear: 6,
    _normalised: 3,
    _activation: 7,
    _numbers: 3,
    _broadcast: 2,
    _rearranged: 2,
    _beside: 3,
    _signal: 3,
}


def mixed(draw, size):
    """A network of some layers of any kind, and a linear one at the end in most."""
    parts, most = [], draw.pick.randint(1, 6)
    for kind in draw.pick.choices(list(KINDS), list(KINDS.values()), k=most):
        part, size = kind(draw, size)
        parts.append(part)
        if size > 24:
            break
    if draw.pick.random() < 0.04:
        parts.append(_fewer_bits(draw, size)[0])
    parts.append(draw.filled(nn.Linear(size, CLASSES)))
    return nn.Sequential(*parts)


def sigmoid(draw, size):
    """A fully connected network of sigmoids or hyperbolic tangents, its layers modules or calls."""
    parts = []
    for _ in range(draw.pick.randint(0, 3)):
        out = draw.pick.randint(2, 6)
        layer = draw.filled(nn.Linear(size, out))
        layer.weight.mul_(2)
        bend = draw.pick.choice([torch.sigmoid, torch.tanh])
        if draw.pick.random() < 0.5:
            parts += [layer, nn.Sigmoid() if bend is torch.sigmoid else nn.Tanh()]
        else:
            weight, bias = layer.weight.detach(), layer.bias.detach()
            parts.append(Does(lambda m, x, bend=bend: bend(F.linear(x, m.w, m.b)), w=weight, b=bias))
        size = out
    parts.append(draw.filled(nn.Linear(size, CLASSES)))
    return nn.Sequential(*parts)


def sequential(draw, size):
    """A network of plain layers, whose rounding is bounded as well."""
    parts = []
    for _ in range(draw.pick.randint(0, 3)):
        out = draw.pick.randint(2, 6)
        parts.append(draw.filled(nn.Linear(size, out, bias=draw.pick.random() < 0.8)))
        if draw.pick.random() < 0.4:
            parts.append(draw.filled(nn.BatchNorm1d(out, affine=draw.pick.random() < 0.7)))
        parts.append(draw.pick.choice([nn.ReLU(), nn.LeakyReLU(draw.number()), nn.Sigmoid(), nn.Tanh()]))
        size = out
    parts.append(draw.filled(nn.Linear(size, CLASSES)))
    return nn.Sequential(*parts)
