import pytest
import torch

from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.training_spec import AutoencoderSpec
from blindspots.training import codes
from tests.blindspots.training.conftest import Problem

CPU = torch.device("cpu")


def begun(seed: int = 0, initial: int = 0) -> codes.Weights:
    return codes.initial_autoencoder(400, 300, seed=seed, initial=initial, device=CPU)


def test_the_initial_weights_are_normal_and_depend_on_the_seeds_alone() -> None:
    first = begun()
    assert {name: tuple(tensor.shape) for name, tensor in first.items()} == {
        "encoder.weight": (300, 400),
        "encoder.bias": (300,),
        "decoder.weight": (400, 300),
        "decoder.bias": (400,),
    }
    for layer, inputs in (("encoder", 400), ("decoder", 300)):
        assert float(first[f"{layer}.weight"].std()) == pytest.approx(inputs**-0.5, rel=0.01)
        assert not first[f"{layer}.bias"].any()
        assert torch.equal(first[f"{layer}.weight"], begun()[f"{layer}.weight"])
        for other in (begun(seed=1), begun(initial=1)):
            assert not torch.equal(first[f"{layer}.weight"], other[f"{layer}.weight"])


def test_weights_go_into_a_vector_and_back() -> None:
    weights = begun()
    found = codes.from_one_vector(codes.as_vector(weights), weights)
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(found[name], tensor)


def test_the_objective_takes_the_specs_numbers_and_the_vectors_order(problem: Problem) -> None:
    weights = codes.initial_autoencoder(12, 5, seed=0, initial=0, device=CPU)
    spec = AutoencoderSpec(decay=0.5, sparsity=0.25, weight=2.0)
    value = codes.autoencoder_objective(problem[0], 5, spec)(codes.as_vector(weights))
    rows = problem[0].flatten(1)
    hidden = torch.sigmoid(rows @ weights["encoder.weight"].t())
    made = torch.sigmoid(hidden @ weights["decoder.weight"].t())
    mean = hidden.mean(dim=0)
    divergence = (0.25 * (0.25 / mean).log() + 0.75 * (0.75 / (1 - mean)).log()).sum()
    squares = weights["encoder.weight"].square().sum() + weights["decoder.weight"].square().sum()
    expected = (made - rows).square().sum() / 180 + 0.25 * squares + 2 * divergence
    assert value.loss == pytest.approx(float(expected), rel=1e-5)


def test_the_encoder_lies_below_and_the_softmax_shares_the_weights_above(problem: Problem) -> None:
    network = FullyConnected((12, 5, 3))
    weights = codes.initial_autoencoder(12, 5, seed=0, initial=0, device=CPU)
    weights["encoder.bias"] += 0.5
    codes.put_below(network, weights)
    hidden = codes.codes_of(network, problem[0])
    rows = problem[0].flatten(1)
    torch.testing.assert_close(hidden, torch.sigmoid(rows @ weights["encoder.weight"].t() + 0.5))
    above = codes.softmax_on_codes(network)
    torch.testing.assert_close(above(hidden), network(problem[0]))
    with torch.no_grad():
        above.linears[0].weight.zero_()
    assert not network.linears[1].weight.any()
