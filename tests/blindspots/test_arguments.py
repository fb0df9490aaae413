"""Arrays and scalars of numpy are taken wherever a tensor or a number is, by every public function that takes one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from blindspots import certified_radius, distortion, minimum_distortion, perturbation, spectral
from blindspots.arguments import as_torch, check_dense, numbers_of, of_numpy_too
from blindspots.errors import InputError

RANDOM = np.random.default_rng(0)
FLAT = RANDOM.random((3, 8), dtype=np.float32)
LABELS = np.array([0, 1, 2])
WEIGHT, BIAS = RANDOM.standard_normal((3, 8)).astype(np.float32), RANDOM.standard_normal(3).astype(np.float32)
KERNEL = RANDOM.standard_normal((2, 1, 3, 3)).astype(np.float32)
TWO = np.int64(2)


def linear() -> nn.Linear:
    model = nn.Linear(8, 3)
    model.load_state_dict({"weight": torch.from_numpy(WEIGHT), "bias": torch.from_numpy(BIAS)})
    return model


# a call of each public function with numpy's alone, and the same with torch's tensors and Python's numbers
CALLS: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "minimum_distortion": lambda give: (
        distortion.minimum_distortion(linear(), give(FLAT), give(LABELS), rule=give((LABELS + 1) % 3)).distortion
    ),
    "a class": lambda give: (
        distortion.minimum_distortion(linear(), give(FLAT), give(LABELS), rule=give(TWO), seed=give(TWO)).distortion
    ),
    "a method": lambda give: (
        distortion.minimum_distortion(
            linear(), give(FLAT), give(LABELS), method=distortion.Projection(rounds=give(TWO))
        ).distortion
    ),
    "distances_to_all": lambda give: distortion.distances_to_all(linear(), give(FLAT), give(LABELS)),
    "exact_linear_distortion": lambda give: (
        distortion.exact_linear_distortion(give(WEIGHT), give(BIAS), images=give(FLAT), labels=give(LABELS)).distortion
    ),
    "random_targets": lambda give: distortion.random_targets(
        give(LABELS), give(np.int32(3)), seed=give(TWO), examples=give(LABELS)
    ),
    "amplified": lambda give: perturbation.amplified(give(FLAT), to=give(np.float32(0.25))),
    "amplified_in_box": lambda give: perturbation.amplified_in_box(give(FLAT), give(FLAT), to=give(np.float64(0.01))),
    "in_eight_bits": lambda give: perturbation.in_eight_bits(give(FLAT)),
    "survives_eight_bits": lambda give: perturbation.survives_eight_bits(linear(), give(FLAT), give(LABELS)),
    "distortion": lambda give: perturbation.distortion(give(FLAT)),
    "gaussian_noise": lambda give: perturbation.gaussian_noise(
        give(np.array([3, 2])), stddev=give(np.float32(0.5)), seed=give(TWO), examples=give(LABELS)
    ),
    "clipped": lambda give: perturbation.clipped(give(FLAT), give(FLAT)),
    "conv_norm": lambda give: spectral.conv_norm(give(KERNEL), input_size=(give(np.int64(8)), 8), stride=give(TWO)),
    "conv_norm of an array of sizes": lambda give: spectral.conv_norm(give(KERNEL), input_size=give(np.array([8, 8]))),
    "conv_transpose_norm": lambda give: spectral.conv_transpose_norm(give(KERNEL), input_size=(4, 4), stride=give(TWO)),
    "conv_norm_all_sizes": lambda give: spectral.conv_norm_all_sizes(give(KERNEL), stride=give(TWO)),
    "equation_one": lambda give: spectral.equation_one(give(KERNEL), grid=give(np.array([8, 8])), stride=give(TWO)),
    "linear_norm": lambda give: spectral.linear_norm(give(WEIGHT)),
    "network_bounds": lambda give: spectral.network_bounds(linear(), (give(np.int64(8)),)).upper.item(),
    "network_bounds of an array": lambda give: spectral.network_bounds(linear(), give(np.array([8]))).upper.item(),
    "layer_bound": lambda give: spectral.layer_bound(linear(), (give(np.int64(8)),)),
    "certified_radius": lambda give: spectral.certified_radius(linear(), give(FLAT), give(LABELS)).radius,
}


def in_torch(value: Any) -> Any:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) and value.shape != (2,) else value.tolist()


@pytest.mark.parametrize("name", CALLS)
def test_arrays_and_scalars_do_what_tensors_and_numbers_do(name: str) -> None:
    found, wanted = CALLS[name](lambda value: value), CALLS[name](in_torch)
    assert type(found) is type(wanted)
    if isinstance(found, torch.Tensor):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    else:
        assert found == wanted


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.arange(6.0).reshape(2, 3)[::-1, ::2],
        np.broadcast_to(np.arange(3.0), (2, 3)),
        np.arange(3, dtype=np.uint16),
        np.zeros((0, 3), np.float32),
    ],
)
def test_any_array_of_numbers_is_a_tensor(array: np.ndarray) -> None:
    array.flags.writeable = False
    found = as_torch(array)
    assert np.array_equal(found.numpy(), array)


def test_unsigned_integers_are_ones_that_torch_computes_with() -> None:
    assert as_torch(np.arange(3, dtype=np.uint16)).dtype == as_torch(np.arange(3, dtype=np.uint32)).dtype == torch.int64
    assert as_torch(np.arange(3, dtype=np.uint8)).dtype == torch.uint8


def test_what_is_no_number_stays_what_it_is_and_is_refused() -> None:
    for array in (np.array(["a"]), np.array([None]), np.array(["2020-01-01"], dtype="M8[D]")):
        assert as_torch(array) is array
        with pytest.raises(InputError, match="weight is a ndarray; give a torch tensor"):
            spectral.linear_norm(array)  # type: ignore[arg-type]
    assert as_torch(np.array(3)) == 3
    assert as_torch([np.int8(1), "a"]) == [1, "a"]
    assert numbers_of(torch.ones(2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[1.0]], "weight is a list; give a torch tensor or an array of numpy"),
        (torch.eye(3).to_sparse(), r"weight is sparse \(torch.sparse_coo\); give a dense one, by to_dense\(\)"),
        (torch.empty(3, 3, device="meta"), "weight is on the device meta"),
    ],
)
def test_what_has_no_values_is_refused_on_one_line(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_dense("weight", value)
    with pytest.raises(InputError, match=said):
        spectral.linear_norm(value)
    with pytest.raises(InputError, match=said):
        spectral.conv_norm(value, input_size=(3, 3))


@pytest.mark.parametrize("shape", [8, None, "8", (8.0,), (True,), np.array([8.0])])
def test_what_is_no_shape_is_refused_on_one_line(shape: Any) -> None:
    with pytest.raises(InputError, match=r"input_shape .*: positive whole numbers are wanted"):
        spectral.network_bounds(linear(), shape)


def test_a_function_keeps_its_name_and_its_arguments() -> None:
    @of_numpy_too
    def named(value: Any, *, other: Any) -> Any:
        """Say what came."""
        return value, other

    assert named.__name__ == "named"
    assert named(np.float64(1), other=(TWO,)) == (1, (2,))
    assert type(named(TWO, other=0)[0]) is int


def test_a_function_is_no_module() -> None:
    with pytest.raises(InputError, match=r"the model is a function; give a torch.nn.Module"):
        spectral.certified_radius(lambda images: images, torch.rand(2, 3), torch.zeros(2, dtype=torch.long))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_inference_mode_and_what_was_made_in_it_is_taken(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    sigmoid = nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.Linear(5, 3)).to(dtype)
    pooled = nn.Sequential(nn.Unflatten(1, (1, 4)), nn.AvgPool1d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3)).to(dtype)
    weight, plain = torch.rand(4, 3, dtype=dtype), torch.rand(3, 4, dtype=dtype)
    kinds: list[tuple[nn.Module, Any]] = [(sigmoid, "sdp"), (sigmoid, "local"), (pooled, "relaxation")]
    with torch.inference_mode():
        images = plain.clone()
        inside = [certified_radius(model, images, model(images).argmax(1), method=how).radius for model, how in kinds]
        labels = (images @ weight).argmax(1)
    outside = [certified_radius(model, plain, model(plain).argmax(1), method=how).radius for model, how in kinds]
    assert all(map(torch.equal, inside, outside))
    distances = [
        minimum_distortion(lambda values: values @ weight, given, labels).distortion for given in (images, plain)
    ]
    assert torch.equal(*distances)
    assert not any(each.is_inference() for each in (*inside, *distances))
