"""The weights in what training scripts save: under any usual key, less what wrappers put before names."""

import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from blindspots.errors import InputError
from blindspots.models.state_dict import state_dict_of, unwrapped_for, without_wrapper

WEIGHTS = nn.Linear(3, 2).state_dict()
OTHERS = nn.Linear(3, 2).state_dict()


def trained() -> dict[str, Any]:
    """What lies beside the weights: an optimizer whose state has tensors too, and the rest of a script's state."""
    moments = {"step": torch.tensor(1.0), "exp_avg": torch.ones(2, 3), "exp_avg_sq": torch.ones(2, 3)}
    optimizer = {"state": {0: moments, 1: moments}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}
    return {
        "epoch": 3,
        "best_acc": torch.tensor(0.9),
        "optimizer": optimizer,
        "optimizer_states": [optimizer],
        "rng": {"cpu": torch.get_rng_state()},
        "loss_fn": {"weight": torch.ones(2)},
        "lr_schedulers": [],
    }


KEYS = ("state_dict", "model", "model_state_dict", "net", "network", "module", "weights", "params", "ema", "student_1")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("deep", [False, True])
def test_weights_are_found_under_a_key(key: str, deep: bool) -> None:
    content = {"checkpoint": {key: WEIGHTS}} if deep else {key: WEIGHTS}
    found = state_dict_of({**trained(), **content}, "w.pth")
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)


@pytest.mark.parametrize("average", ["ema", "model_ema", "state_dict_ema", "params_ema", "swa_state_dict"])
def test_weights_go_before_their_averages_and_that_is_said(average: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = state_dict_of({average: OTHERS, "params": WEIGHTS}, "w.pth")
    assert torch.equal(found["weight"], WEIGHTS["weight"])
    assert caplog.messages == [f"of w.pth the weights under 'params' are read, not those under '{average}'"]


def test_an_average_under_a_usual_key_is_an_average_still() -> None:
    found = state_dict_of({"ema": {"state_dict": OTHERS}, "mine": WEIGHTS}, "w.pth")
    assert torch.equal(found["weight"], WEIGHTS["weight"])


def test_of_two_networks_none_is_guessed() -> None:
    with pytest.raises(
        InputError,
        match=r"w\.pth holds 2 state dicts, and no key tells which is meant, of 'generator', 'discriminator': save",
    ):
        state_dict_of({"generator": WEIGHTS, "discriminator": OTHERS}, "w.pth")


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.", "_fsdp_wrapped_module."],
)
def test_what_torch_s_wrappers_add_is_dropped(prefix: str) -> None:
    found = state_dict_of({f"{prefix}{name}": value for name, value in WEIGHTS.items()}, "w.pth")
    assert list(found) == list(WEIGHTS)


def test_wrappers_as_torch_itself_names_them() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    compiled = nn.ModuleDict({"_orig_mod": network[0]})  # as torch.compile names it, which takes seconds
    inner = nn.Sequential(compiled, network[1])
    wrapped = AveragedModel(nn.DataParallel(inner)).state_dict()
    assert "n_averaged" in wrapped
    assert list(state_dict_of(wrapped, "w.pth")) == list(network.state_dict())


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"w\.pth holds the weights a twice, as 'a' and as '_orig_mod.a'"):
        state_dict_of({"a": torch.ones(1), "_orig_mod.a": torch.zeros(1)}, "w.pth")


def test_arrays_of_numpy_are_weights() -> None:
    content = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "steps": np.array(7)}
    found = state_dict_of({"model": content}, "w.pth")
    assert found["steps"].shape == ()
    assert torch.equal(found["a"], torch.tensor([[0.0, 3], [1, 4], [2, 5]]))


def test_names_of_wrappers_are_those_that_all_share() -> None:
    assert list(without_wrapper(["model.net.0.weight", "model.net.0.bias"])) == [0, 6, 10]  # a number is no wrapper
    assert list(without_wrapper(["model.a", "b"])) == [0]
    assert list(without_wrapper(["weight"])) == list(without_wrapper([])) == [0]


def test_as_few_names_are_dropped_as_will_do() -> None:
    weights = {"model.model.a": torch.ones(1)}
    assert list(unwrapped_for(weights, lambda found: "model.a" in found) or ()) == ["model.a"]
    assert unwrapped_for(weights, lambda found: "b" in found) is None
