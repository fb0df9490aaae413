import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.proof.beside import (
    check_beside,
    check_pieces,
    check_read_off,
    in_float64,
    own_dtype,
    sensitivity,
    stated_rounding,
)
from blindspots.spectral.proof.certificate import certified_radius
from tests.blindspots.spectral.graph.models import Does
from tests.blindspots.spectral.relaxation.networks import dense, read

IMAGES = torch.rand(20, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def evaluate(model, images):
    with torch.no_grad():
        return model(images).double()


def deep(seed, **settings):
    torch.manual_seed(seed)
    layers = [layer for _ in range(6) for layer in (nn.Linear(6, 6), nn.BatchNorm1d(6, **settings), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(6, 3)).eval()


def checked(model):
    double = in_float64(model, torch.float32)
    logits = evaluate(double, IMAGES)
    moves = sensitivity(double, IMAGES, logits, evaluate)
    check_beside(model, torch.float32, IMAGES, logits, stated_rounding(torch.float32, logits, moves), evaluate)
    return moves, (evaluate(model, IMAGES.float()) - logits).abs()


@pytest.mark.parametrize("eps", [1e-5, 1e-12])
def test_rounding_alone_is_let_pass_in_networks_that_amplify_it(eps):
    model = deep(0, eps=eps)
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.running_var.fill_(eps)  # what it amplifies, it amplifies a thousand times and more
    moves, off = checked(model)
    assert (moves > 0).all()
    assert off.max() < 64 * moves.max()


@pytest.mark.parametrize(
    "what",
    [
        lambda m, x: m.a(x) + 1e-3 * (x.dtype == torch.float64),
        lambda m, x: m.a(x / (x.abs().amax() + torch.finfo(x.dtype).eps * 1e5)),
        lambda m, x: m.a(x.to(torch.bfloat16).to(x.dtype)) if x.dtype == torch.float32 else m.a(x),
        lambda m, x: m.a(x) * (torch.inf if x.dtype == torch.float32 else 1),
    ],
    ids=["a shift", "a constant", "a cast", "an overflow"],
)
def test_what_the_dtype_decides_is_refused(what):
    torch.manual_seed(1)
    with pytest.raises(InputError, match=r"the model's logits of image 0 are .+ off those of its copy in float64"):
        checked(Does(what, a=nn.Linear(6, 3)))


def test_an_eps_that_the_dtype_decides_stays_what_it_was():
    norm = nn.Sequential(nn.RMSNorm(6), nn.Linear(6, 3))
    assert in_float64(norm, torch.float32)[0].eps == 2.0**-23
    assert in_float64(norm, torch.float64)[0].eps == 2.0**-52
    assert norm[0].eps is None
    assert own_dtype(norm, IMAGES) == torch.float32
    assert own_dtype(nn.Flatten(), IMAGES) == torch.float64


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_of_few_bits_is_refused(dtype):
    model = nn.Linear(6, 3).to(dtype)
    with pytest.raises(InputError, match=rf"the model's dtype is {dtype}; a proof needs torch.float32 or float64"):
        certified_radius(model, IMAGES, torch.zeros(20))


@pytest.mark.parametrize("layer", [nn.LazyLinear, nn.LazyBatchNorm1d])
def test_a_model_whose_weights_have_no_values_yet_is_refused(layer):
    model = nn.Sequential(layer(6) if layer is nn.LazyLinear else layer(), nn.Linear(6, 3).double())
    with pytest.raises(
        InputError, match=r"^the model's 0.weight has no values yet: call the model once, model\(images"
    ):
        certified_radius(model, IMAGES, torch.zeros(20))


def test_a_network_read_off_a_model_gives_its_logits():
    logits, room = torch.ones(3, 2), torch.tensor([0.5, 0.0])
    check_read_off(logits, logits + torch.tensor([0.25, 0.0]), room)
    for off in (0.25, torch.nan):
        with pytest.raises(InputError, match="of image 0"):
            check_read_off(logits, logits + torch.tensor([0.0, off]), room)


def test_logits_of_another_shape_are_no_copys():
    logits, room = torch.ones(3, 2), torch.ones(3, 1)
    with pytest.raises(InputError, match=r"are \(3, 2\), those of the layers read off it \(3, 4\)"):
        check_read_off(logits, torch.ones(3, 4), room)
    with pytest.raises(InputError, match=r"are \(3, 4\), those of its copy in float64 \(3, 2\)"):
        check_beside(nn.Linear(6, 4), torch.float32, IMAGES[:3], logits, room, evaluate)


def test_rounding_is_a_share_of_what_moves_of_the_logits_and_of_what_cancels():
    logits, moves = torch.tensor([[1.0, -4.0], [0.0, 0.0]]).double(), torch.tensor([[0.0], [1e-6]]).double()
    eps = torch.finfo(torch.float32).eps
    found = stated_rounding(torch.float32, logits, moves)
    assert found.flatten().tolist() == pytest.approx([256 * 4 * eps, 256e-6])
    assert stated_rounding(torch.float32, logits, 0 * moves, largest=100.0)[1].item() == pytest.approx(1600 * eps)
    assert stated_rounding(torch.bfloat16, logits, moves)[1].item() == pytest.approx(256e-6 * 2**16)


def test_pieces_are_held_against_the_model_away_from_the_images_too():
    model = dense(0, (6, 5, 3))
    pieces, other = read(model, (6,)), dense(0, (6, 5, 3))
    images = torch.zeros(2, 6, dtype=torch.float64)  # where no weight of the first layer shows
    logits = evaluate(model, images)
    check_pieces(model, pieces, images, logits, evaluate)
    with torch.no_grad():
        other[0].weight.add_(0.1)
    with pytest.raises(InputError, match=r"logits of random image \d are .* off those of the layers read off it"):
        check_pieces(other, pieces, images, logits, evaluate)


def test_logits_of_another_shape_are_refused():
    model = Does(lambda m, x: m.a(x).view(torch.float64), a=nn.Linear(6, 4))
    with pytest.raises(InputError, match=r"logits are \(20, 2\), .* \(20, 4\): it reads the bits of values"):
        checked(model)
