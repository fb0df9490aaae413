"""Weights put into a network: all of them, exactly, or not at all."""

import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.loading import at_rest, check_finite, put_weights, some


def weights() -> dict[str, torch.Tensor]:
    return {"weight": torch.rand(2, 3), "bias": torch.rand(2)}


def test_weights_are_put_in_exactly() -> None:
    model, given = nn.Linear(3, 2), weights()
    put_weights(model, {**given, "bias": given["bias"].half()}, "w.pth", "mine")
    assert torch.equal(model.weight, given["weight"])
    assert torch.equal(model.bias, given["bias"].half().float())  # every float16 is a float32


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bias": None}, "w.pth does not fit the network mine: the file lacks bias"),
        ({"scale": torch.ones(1)}, "the network has no scale"),
        ({"bias": torch.rand(3)}, r"bias is \(3,\) in the file and \(2,\) in the network"),
        (
            {"bias": torch.rand(2).double()},
            "bias is float64 in the file and float32 in the network, which would not be",
        ),
        ({"bias": torch.ones(2, dtype=torch.int64)}, "bias is int64 in the file"),
    ],
)
def test_other_weights_leave_the_network_as_it_was(change: dict[str, torch.Tensor | None], said: str) -> None:
    model = nn.Linear(3, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    given = {name: tensor for name, tensor in {**weights(), **change}.items() if tensor is not None}
    with pytest.raises(InputError, match=said):
        put_weights(model, given, "w.pth", "mine")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_are_finite(value: float) -> None:
    check_finite({"a": torch.ones(2), "steps": torch.tensor(3)}, "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: the weights b hold values that are not finite"):
        check_finite({"a": torch.ones(2), "b": torch.tensor([0.0, value])}, "w.pth")


def test_a_model_at_rest_is_evaluated_and_has_no_gradients() -> None:
    model = at_rest(nn.Sequential(nn.Linear(2, 2), nn.Dropout()))
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_many_names_are_counted() -> None:
    assert some(["a", "b", "c"]) == "a, b, c"
    assert some(["a", "b", "c", "d", "e"], "; ") == "a; b; c and 2 more"


def test_a_batch_norm_s_counter_may_be_absent() -> None:
    weights = nn.BatchNorm2d(3).state_dict()
    weights["running_mean"] = torch.tensor([1.0, 2.0, 3.0])
    counted = weights.pop("num_batches_tracked")
    model = nn.Sequential(nn.BatchNorm2d(3))
    put_weights(model, {f"0.{name}": value for name, value in weights.items()}, "a.pth", "mine")
    assert torch.equal(model[0].running_mean, weights["running_mean"])
    assert model[0].num_batches_tracked == counted == 0
    del weights["running_var"]
    with pytest.raises(InputError, match=r"the file lacks 0\.running_var$"):
        put_weights(model, {f"0.{name}": value for name, value in weights.items()}, "a.pth", "mine")


@pytest.mark.parametrize(("counted", "taken"), [(7.0, True), (7.5, False), (1e30, False)])
def test_a_counter_may_be_stored_as_whole_floats(counted: float, taken: bool) -> None:
    given = {**nn.BatchNorm2d(3).state_dict(), "num_batches_tracked": torch.tensor(counted)}
    model = nn.BatchNorm2d(3)
    if taken:
        put_weights(model, given, "a.pth", "mine")
        assert model.num_batches_tracked == 7
        assert model.num_batches_tracked.dtype == torch.int64
    else:
        with pytest.raises(InputError, match="num_batches_tracked is float32 in the file and int64 in the network"):
            put_weights(model, given, "a.pth", "mine")


class Scaled(nn.Linear):
    """A layer with a number of its own."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.scale = nn.Parameter(torch.tensor(1.0))


def test_a_number_may_be_stored_as_a_row_of_one() -> None:
    model = Scaled()
    put_weights(model, {**weights(), "scale": torch.tensor([2.5])}, "a.pth", "mine")
    assert model.scale.shape == ()
    assert model.scale == 2.5
    with pytest.raises(InputError, match=r"scale is \(2,\) in the file and \(\) in the network"):
        put_weights(model, {**weights(), "scale": torch.ones(2)}, "a.pth", "mine")


@pytest.mark.parametrize(("prefix", "wrapped"), [("", False), ("model.", False), ("", True)])
def test_the_older_names_of_weight_norm_are_those_of_its_parametrization(prefix: str, wrapped: bool) -> None:
    def normed() -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))

    values = {"bias": torch.rand(2), "weight_g": torch.rand(2, 1), "weight_v": torch.rand(2, 3)}
    model, images = normed(), torch.rand(4, 3)
    given = {f"{prefix}1.{name}": value for name, value in values.items()}
    put_weights(Held(model) if wrapped else model, given, "w.pth", "mine")
    length = values["weight_v"].norm(dim=1, keepdim=True)
    weight = values["weight_g"] * values["weight_v"] / length
    torch.testing.assert_close(at_rest(model)(images), nn.functional.linear(images, weight, values["bias"]))
    with pytest.raises(InputError, match=r"the network has no .*1\.weight_g"):
        put_weights(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), {**given, "1.weight_g": torch.ones(1)}, "w", "mine")


class Held(nn.Module):
    """A network under a name, as Lightning's modules and others keep theirs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.model = network


@pytest.mark.parametrize("prefix", ["model.", "backbone.", "model.net.", "encoder.module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_names_of_wrappers_are_dropped_where_nothing_else_tells_names_apart(
    prefix: str, wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    given = weights()
    network = nn.Linear(3, 2)
    put_weights(Held(network) if wrapped else network, {prefix + name: given[name] for name in given}, "w.pth", "mine")
    assert torch.equal(network.weight, given["weight"])
    if (prefix, wrapped) != ("model.", True):  # where names are the network's own
        assert caplog.messages == [f"the names in w.pth begin with {prefix}, which is dropped"]


def test_a_network_in_a_wrapper_takes_the_weights_without_one() -> None:
    given, held = weights(), Held(nn.Linear(3, 2))
    put_weights(held, given, "w.pth", "mine")
    assert torch.equal(held.model.weight, given["weight"])


@pytest.mark.parametrize("prefix", ["1.", "a.1."])
def test_the_second_layer_of_a_sequence_is_not_the_network(prefix: str) -> None:
    with pytest.raises(InputError, match=rf"the network has no {prefix}weight"):
        put_weights(nn.Linear(3, 2), {prefix + name: value for name, value in weights().items()}, "w.pth", "mine")


def test_a_wrapper_s_other_weights_are_not_left_out() -> None:
    with pytest.raises(InputError, match=r"the network has no .*mean"):
        put_weights(nn.Linear(3, 2), {"model.weight": torch.rand(2, 3), "mean": torch.rand(1)}, "w.pth", "mine")


@pytest.mark.parametrize("prefix", ["", "model."])
def test_what_is_known_to_be_no_part_of_the_network_is_left_out_and_said(
    prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    given, model = weights(), nn.Linear(3, 2)
    beside = {
        "criterion.weight": torch.ones(2),
        "val_metric.total": torch.ones(1),
        "ema_model.weight": torch.ones(2, 3),
    }
    named = {prefix + name: value for name, value in given.items()}
    put_weights(model, {**named, **beside}, "w.pth", "mine")
    assert torch.equal(model.weight, given["weight"])
    assert "of w.pth the weights criterion.weight, ema_model.weight, val_metric.total are not read" in caplog.text
    with pytest.raises(InputError, match=r"w\.pth does not fit the network mine"):
        put_weights(model, {**named, **beside, prefix + "mean": torch.ones(1)}, "w.pth", "mine")


def test_weights_without_values_are_refused() -> None:
    with pytest.raises(InputError, match=r"w\.pth: the weights a are without values \(meta\)"):
        check_finite({"a": torch.ones(2, device="meta")}, "w.pth")
    with pytest.raises(InputError, match=r"the weights a are sparse \(torch.sparse_coo\)"):
        check_finite({"a": torch.eye(2).to_sparse()}, "w.pth")


def tied() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    return model


@pytest.mark.parametrize("kept", ["0.weight", "1.weight"])
def test_of_tied_weights_one_is_enough(kept: str) -> None:
    model, given = tied(), tied().state_dict()
    wanted = given["0.weight"]
    put_weights(model, {name: given[name] for name in given if "bias" in name or name == kept}, "w.pth", "mine")
    assert torch.equal(model[0].weight, wanted)
    assert torch.equal(model[1].weight, wanted)
    with pytest.raises(InputError, match=r"the file lacks 0.weight, 1.weight$"):
        put_weights(model, {name: given[name] for name in given if "bias" in name}, "w.pth", "mine")


def test_tied_weights_that_differ_are_refused() -> None:
    given = {**tied().state_dict(), "1.weight": torch.zeros(3, 3)}
    with pytest.raises(InputError, match=r"0\.weight and 1.weight differ in the file and are one in the network"):
        put_weights(tied(), given, "w.pth", "mine")


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz"])
def test_weights_of_eight_bits_are_taken_as_they_are(name: str) -> None:
    dtype = getattr(torch, f"float8_{name}")
    values = torch.arange(256, dtype=torch.uint8).view(dtype).float()
    finite = values[values.isfinite()].to(dtype)
    check_finite({"weight": finite}, "w.pth")
    model = tied()
    given = {name: finite[: value.numel()].reshape(value.shape) for name, value in model.state_dict().items()}
    put_weights(model, given, "w.pth", "mine")
    assert torch.equal(model[0].weight, given["0.weight"].float())
    with pytest.raises(InputError, match=r"0.bias is float8_.* in the file and bfloat16 in the network, which would n"):
        put_weights(tied().bfloat16(), given, "w.pth", "mine")
    with pytest.raises(InputError, match="the weights a hold values that are not finite"):
        check_finite({"a": torch.arange(256, dtype=torch.uint8).view(dtype)}, "w.pth")


def test_other_weights_of_few_bits_are_named() -> None:
    with pytest.raises(InputError, match="the weights a are float4_e2m1fn_x2, which torch does not compute with"):
        check_finite({"a": torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}, "w.pth")
    given = {name: value.to(torch.float8_e8m0fnu) for name, value in weights().items()}
    with pytest.raises(InputError, match="bias is float8_e8m0fnu in the file"):
        put_weights(nn.Linear(3, 2), given, "w.pth", "mine")


class Stateful(nn.Linear):
    """A layer that keeps something beside its weights."""

    state: object = None

    def get_extra_state(self) -> object:
        return self.state

    def set_extra_state(self, state: object) -> None:
        assert state is None


def test_a_network_that_keeps_more_than_tensors_is_named() -> None:
    model, given = nn.Sequential(Stateful(3, 2)), {f"0.{name}": value for name, value in weights().items()}
    put_weights(model, given, "w.pth", "mine")
    assert torch.equal(model[0].weight, given["0.weight"])
    model[0].state = {"scale": 2}
    with pytest.raises(InputError, match=r"the network mine keeps 0\._extra_state beside its tensors, which no file"):
        put_weights(model, given, "w.pth", "mine")


def test_a_network_that_refuses_its_weights_is_named() -> None:
    model = nn.Linear(3, 2)
    model.register_load_state_dict_pre_hook(lambda *_: [][0])
    with pytest.raises(InputError, match=r"does not fit the network mine: it refuses its weights, list index out"):
        put_weights(model, weights(), "w.pth", "mine")


def test_a_lazy_layer_takes_its_shape_from_the_file() -> None:
    model, given = nn.Sequential(nn.LazyLinear(2)), {f"0.{name}": value for name, value in weights().items()}
    put_weights(model, given, "w.pth", "mine")
    images = torch.rand(4, 3)
    assert torch.equal(at_rest(model)(images), nn.functional.linear(images, given["0.weight"], given["0.bias"]))
    with pytest.raises(InputError, match=r"the file lacks 0\.bias$"):
        put_weights(nn.Sequential(nn.LazyLinear(2)), {"0.weight": given["0.weight"]}, "w.pth", "mine")


class Frozen(nn.Module):
    """A batch norm that is trained no more, as torchvision's detectors have it."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.zeros(3))


@pytest.mark.parametrize("prefix", ["0.", "model.0."])
def test_a_counter_that_the_network_lacks_is_not_read_and_that_is_said(
    prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {prefix + name: value for name, value in nn.BatchNorm1d(3).state_dict().items()}
    given[f"{prefix}running_mean"] += 1
    model = nn.Sequential(Frozen())
    put_weights(model, given, "w.pth", "mine")
    assert torch.equal(model[0].running_mean, torch.ones(3))
    assert "of w.pth the weights 0.num_batches_tracked are not read, which the network lacks" in caplog.text
