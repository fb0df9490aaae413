"""Models that cast to the dtype that they have anyway: their proofs are those of the models without the cast."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import leaky_relu

from blindspots import certified_radius, minimum_distortion
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import network_bounds
from blindspots.spectral.proof.own_casts import own_casts_kept
from tests.blindspots.spectral.graph.models import Does

Cast = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
CASTS: dict[str, Cast] = {
    "float": lambda values, like: values.float(),
    "to a dtype": lambda values, like: values.to(torch.float32),
    "to a tensor's": lambda values, like: values.to(like),
    "type": lambda values, like: values.type(torch.float32),
    "type_as": lambda values, like: values.type_as(like),
    "to dtype=": lambda values, like: values.to(dtype=like.dtype, copy=True),
}


class Casting(nn.Module):
    """A network that casts its images, and what lies between its layers."""

    def __init__(self, cast: Cast, activation: type[nn.Module]) -> None:
        super().__init__()
        self.cast, self.first, self.act, self.last = cast, nn.Linear(3, 5), activation(), nn.Linear(5, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(self.cast(self.act(self.first(self.cast(images, self.first.weight))), self.first.weight))


def network(cast: Cast, activation: type[nn.Module]) -> Casting:
    torch.manual_seed(0)
    return Casting(cast, activation)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(8, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("activation", [nn.GELU, nn.Sigmoid])
@pytest.mark.parametrize("cast", CASTS)
def test_a_cast_to_its_own_dtype_changes_no_radius(
    cast: str, activation: type[nn.Module], images: torch.Tensor
) -> None:
    plain = network(lambda values, like: values, activation)
    labels = plain(images).argmax(1)
    wanted = certified_radius(plain, images, labels)
    found = certified_radius(network(CASTS[cast], activation), images, labels)
    assert found.method == wanted.method
    assert (wanted.radius > 0).all()
    # every step is rounded up by 1e-12, and a cast is one
    assert torch.allclose(found.radius, wanted.radius, rtol=1e-10, atol=0)
    assert (found.radius <= wanted.radius).all()


@pytest.mark.parametrize("activation", [nn.GELU, nn.Sigmoid])
def test_a_cast_that_rounds_in_the_model_itself_is_refused(activation: type[nn.Module], images: torch.Tensor) -> None:
    """There the cast is from float64 to float32, which jumps; in the copy in float64 nothing shows."""
    rounding = network(lambda values, like: values.double().float(), activation)
    with pytest.raises(NoRuleError, match=r"from torch.float64 to torch.float32, which holds fewer values, jumps"):
        certified_radius(rounding, images, torch.zeros(8, dtype=torch.long))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_cast_to_fewer_bits_is_refused_still(dtype: torch.dtype, images: torch.Tensor) -> None:
    coarse = network(lambda values, like: values.to(dtype).float(), nn.GELU)
    with pytest.raises(NoRuleError, match="holds fewer values, jumps"):
        certified_radius(coarse, images, torch.zeros(8, dtype=torch.long))


def test_a_model_of_float64_casts_as_it_says(images: torch.Tensor) -> None:
    with own_casts_kept(torch.float64):
        assert images.double().dtype == torch.float64
        assert images.double().float().dtype == torch.float32


def test_slopes_run_through_a_cast_that_is_kept(images: torch.Tensor) -> None:
    values = images.double().requires_grad_()
    with own_casts_kept(torch.float32):
        cast = values.float()
        (slopes,) = torch.autograd.grad((cast**2).sum(), values)
    assert cast.dtype == slopes.dtype == torch.float64
    assert torch.equal(slopes, 2 * values)


FIXED = torch.rand(3, 5, generator=torch.Generator().manual_seed(2))
MADE: dict[str, Callable[[Does, torch.Tensor], torch.Tensor]] = {
    "a plain attribute": lambda m, x: leaky_relu(m.a(x)) @ m.plain,
    "one in a list": lambda m, x: leaky_relu(m.a(x)) @ m.several[0],
    "made of nothing": lambda m, x: leaky_relu(m.a(x)) @ torch.eye(3),
    "made of numbers": lambda m, x: leaky_relu(m.a(x)) * torch.tensor([0.5, 0.25, 3.0]),
    "made in a dtype": lambda m, x: leaky_relu(m.a(x)) + torch.linspace(0, 1, 3, dtype=torch.float32),
}
"""Models whose float32 tensors are no parameters or buffers."""


@pytest.mark.parametrize("what", MADE)
def test_tensors_that_are_not_registered_are_in_the_proof(what: str, images: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = Does(MADE[what], a=nn.Linear(3, 3))
    model.plain, model.several = FIXED[:, :4].clone(), [FIXED[:, 1:].clone()]
    labels = model(images).argmax(1)
    product, auto = (certified_radius(model, images, labels, method=method) for method in ("product", "auto"))
    assert auto.method == "relaxation"
    assert (auto.radius >= product.radius).all()
    assert (product.radius > 0).all()
    assert model.plain.dtype == model.several[0].dtype == torch.float32
    found = minimum_distortion(model, images, labels)
    assert (auto.distortion <= found.distortion)[found.success].all()


@pytest.mark.parametrize("reduced", [lambda h, **how: h.mean(2, **how), lambda h, **how: torch.sum(h, 2, **how)])
def test_a_sum_in_its_own_dtype_changes_no_radius(reduced: Callable[..., torch.Tensor], images: torch.Tensor) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 6)
    named, plain = (
        Does(lambda m, x, how=how: reduced(leaky_relu(m.a(x)).reshape(-1, 3, 2), **how), a=layer)
        for how in ({"dtype": torch.float32}, {})
    )
    labels = plain(images).argmax(1)
    found, wanted = (certified_radius(model, images, labels, method="product") for model in (named, plain))
    assert torch.allclose(found.radius, wanted.radius, rtol=1e-10, atol=0)
    assert certified_radius(named, images, labels).method == "product"  # the relaxation would compute in float32
    with pytest.raises(NoRuleError, match="jumps"):
        network_bounds(copy.deepcopy(named).double(), (3,))
