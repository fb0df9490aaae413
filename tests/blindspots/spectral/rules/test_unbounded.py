"""Attention has no Lipschitz constant, in whatever form it is written, and that is said where bounds meet it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral import network_bounds
from blindspots.spectral.rules.unbounded import why_unbounded


class Attention(nn.Module):
    """Attention of one head and a layer behind it; ``weigh`` makes an output of queries, keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(self.weigh(self.query(images), self.key(images), self.value(images)).flatten(1))

    def weigh(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(query, key, value)


class ByHand(Attention):
    """The same by products of matrices."""

    def weigh(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return torch.softmax(query @ key.transpose(1, 2), dim=2) @ value


class Summed(Attention):
    """The same by sums over indices."""

    def weigh(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bqk,bkd->bqd", torch.einsum("bqd,bkd->bqk", query, key).softmax(2), value)


class OfTorch(nn.Module):
    """A layer of torch's."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.last = layer, nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        many = isinstance(self.layer, nn.MultiheadAttention)
        found = self.layer(images, images, images)[0] if many else self.layer(images)
        return self.last(found.flatten(1))


def models() -> list[nn.Module]:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    torch_s = (nn.MultiheadAttention(4, 2, batch_first=True), layer, nn.TransformerEncoder(layer, 1))
    return [Attention(), ByHand(), Summed(), *map(OfTorch, torch_s)]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_attention_is_named_where_bounds_meet_it() -> None:
    for model in models():
        with pytest.raises(InputError, match=r"attention.* no constant|attention has no Lipschitz constant") as found:
            network_bounds(model, (2, 4))
        assert "minimum_distortion" in str(found.value)
        assert len(str(found.value).splitlines()) == 1
        bounds = network_bounds(model, (2, 4), unbounded=True)
        assert bounds.attrs["product"] == float("inf")
        assert any("attention" in str(method) for method in bounds.method.values)


def test_it_has_none() -> None:
    """One row that is 0 and one that is large: the slope in the direction of the latter grows with its square."""
    slopes = []
    for size in (1.0, 10.0, 100.0):
        rows = torch.tensor([[[size], [-size], [0.0]]], dtype=torch.float64, requires_grad=True)
        out = F.scaled_dot_product_attention(rows, rows, rows)[0, 2, 0]  # the query 0 weighs all alike
        slopes.append(float(torch.autograd.grad(out, rows)[0][0, 2, 0]))
    assert slopes[2] > 50 * slopes[1] > 2000 * slopes[0]


def test_a_product_with_a_constant_is_no_attention() -> None:
    assert why_unbounded("matmul", sources=1) == ""
    assert why_unbounded("matmul", sources=2)
    assert why_unbounded(nn.Linear(2, 2)) == ""
