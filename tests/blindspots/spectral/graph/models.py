"""Models that do what a test says, and what a bound of theirs is to be."""

import torch
from torch import nn

from blindspots.spectral.network import network_bounds


class Does(nn.Module):
    """A model that does what a function of its input and itself says."""

    def __init__(self, what, **parts):
        super().__init__()
        self.what = what
        for name, part in parts.items():
            if isinstance(part, torch.Tensor):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x):
        return self.what(self, x)


def matrix(rows, columns, seed=0):
    made = torch.Generator().manual_seed(seed)
    layer = nn.Linear(columns, rows)
    layer.load_state_dict(
        {"weight": torch.randn(rows, columns, generator=made), "bias": torch.randn(rows, generator=made)}
    )
    return layer.double()


def weighed(model, **weights):
    """Give a model's layers, by their names, their weights and biases."""
    for name, (weight, *bias) in weights.items():
        layer = getattr(model, name)
        layer.weight.data = torch.tensor(weight, dtype=layer.weight.dtype)
        if bias:
            layer.bias.data = torch.tensor(bias[0], dtype=layer.weight.dtype)
    return model


def norm(layer):
    return float(torch.linalg.matrix_norm(layer.weight.detach(), 2))


def product(model, shape=(4,)):
    return network_bounds(model, shape).attrs["product"]


FIRST, SECOND = matrix(4, 4, 1), matrix(4, 4, 2)


BUFFER = torch.tensor([1.0, -3.0, 0.5, 2.0], dtype=torch.float64)


def drawn(model, seed=0):
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point():
                values = torch.randn(value.shape, generator=made, dtype=torch.float64) / value[:1].numel() ** 0.5
                value.copy_(values.abs() + 0.3 if name.endswith("running_var") else values)
    return model
