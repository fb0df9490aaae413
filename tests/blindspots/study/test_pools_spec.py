"""What may be said of a model's pools and hardening: refused on one line, and left out where nothing is said."""

from typing import Any

import pytest

from blindspots.errors import InputError
from blindspots.study import ModelSpec, PoolsSpec, load_study, validate_study
from blindspots.study.pools_spec import LbfgsRounds
from blindspots.study.training_spec import TrainingSpec


def model(**fields: Any) -> ModelSpec:
    content = {"name": "a", "hidden": [50, 40], "decay": [0, 0, 0], **fields}
    return validate_study({"name": "mine", "models": [content]}).models[0]


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ({"layers": [3]}, "pools.layers = [3]: layer 3: that is the output, whose pool would train nothing"),
        ({"layers": [0, 5]}, "layer 5: is none; there are 0 and hidden layer(s) 1 to 2"),
        ({"layers": [1, 1]}, "layers = [1, 1]: a layer stands twice"),
        ({"layers": []}, "pools.layers"),
        ({"share": 0}, "share = 0: nothing is replaced in 2 round(s) an epoch; give a share above 0"),
        ({"share": 1.5}, "pools.share = 1.5"),
        ({"size": 0}, "pools.size = 0"),
        ({"turns": "alternating"}, "turns = 'alternating': there is one pool, at layer 0"),
        ({"layers": 1, "reach": 7.2}, "pools.reach = 7.2: the box of the 50 values of layer 1 is 7.071 across"),
        ({"reach": -1}, "pools.reach = -1"),
        ({"direction": "gradient", "reach_form": "share"}, "no least distortion is sought up the gradient"),
        (
            {"direction": "linear", "reach_form": "share"},
            "reach_form = 'share': no least distortion is sought in the linear direction; set reach_form=fixed",
        ),
        ({"layers": [0, 2], "stored": "activation"}, "trains = 'all': an activation that is stored for layer 2"),
        ({"delay": 2}, "pools.delay = 2"),
        ({"depth": 2}, "pools.depth: no such field"),
        ({"lbfgs": {"rounds": 0}}, "pools.lbfgs.rounds = 0"),
        ({"lbfgs": {"epochs": 2}}, "pools.lbfgs.epochs: no such field"),
        ({"lbfgs": {}, "rounds": 3}, "rounds = 3: those of an epoch, which L-BFGS has none of; set lbfgs.rounds"),
    ],
)
def test_pools_that_cannot_be_are_refused_on_one_line(pools: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        model(pools=pools)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hardening": {"dropout": [0.5]}}, "hardening.dropout = [0.5]: 3 value(s) are wanted"),
        ({"hardening": {"dropout": [0.5, 1, 0]}}, "hardening.dropout.1 = 1"),
        ({"hardening": {"fresh": "pgd", "layer": 3}}, "hardening.layer = 3: there are 0, the input, to 2"),
        ({"hardening": {"fresh": "pgd", "layer": 2, "reach": 9}}, "hardening.reach = 9: the box of layer 2 is 6.325"),
        (
            {"pools": {}, "network": "autoencoder", "hidden": [5], "decay": [0]},
            "pools: a is autoencoder; only fully connected networks have them",
        ),
        (
            {"hardening": {}, "network": "convolutional", "channels": [3], "decay": [0] * 4},
            "hardening: a is convolutional; only fully connected networks have them",
        ),
        (
            {"pools": {"lbfgs": {}}, "hardening": {"max_norm": 2}},
            "hardening: a is trained by L-BFGS (pools.lbfgs), and that is of minibatches; leave one of them out",
        ),
        ({"pools": {"lbfgs": {}}, "biases": False}, "biases = False: a is trained by minibatches or with pools"),
        ({"pools": {}, "decay": [], "given": {"weights": "a.pth"}}, "pools: a is given and not trained; leave it out"),
    ],
)
def test_models_that_cannot_have_them_are_refused_on_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        model(**fields)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_without_is_the_one_that_it_was_before() -> None:
    plain, hardened = model(), model(pools={}, hardening={})
    assert not {"pools", "hardening"} & set(plain.model_dump())
    assert {"pools", "hardening"} <= set(hardened.model_dump())
    assert (plain.hardened, hardened.hardened, model(hardening={}).hardened) == (False, True, True)
    assert set(TrainingSpec().part_for(hardened)) == {"images", "adam", "decay_form"}
    assert "adam" not in TrainingSpec().part_for(plain)


def test_a_trainer_that_is_not_named_is_left_out_and_one_that_is_decides() -> None:
    by_adam, by_lbfgs, idle = (model(pools=each) for each in ({}, {"lbfgs": {}}, {"lbfgs": {}, "reach": 0}))
    assert "lbfgs" not in by_adam.model_dump()["pools"]
    assert by_lbfgs.model_dump()["pools"]["lbfgs"] == {"rounds": 20, "iterations": 10}
    assert [each.by_minibatches for each in (by_adam, by_lbfgs, idle)] == [True, False, False]
    assert [each.in_rounds for each in (by_adam, by_lbfgs, idle)] == [False, True, False]
    assert set(TrainingSpec().part_for(by_lbfgs)) == {"images", "decay_form"}
    assert TrainingSpec().part_for(idle) == TrainingSpec().part_for(model())


def test_fields_are_set_one_by_one() -> None:
    study = load_study("quick", ["models.fc100-100-10.pools.layers=2", "models.fc100-100-10.pools.share=0.25"])
    assert study.model("fc100-100-10").pools == PoolsSpec(layers=(2,), share=0.25)
    study = load_study("quick", ["models.fc100-100-10.pools.lbfgs.iterations=4"])
    assert study.model("fc100-100-10").pools == PoolsSpec(lbfgs=LbfgsRounds(iterations=4))


@pytest.mark.parametrize(("size", "share", "replaced"), [(100, 0.3, 30), (10, 0.01, 1), (7, 1, 7), (1, 0.5, 1)])
def test_one_slot_at_least_is_replaced(size: int, share: float, replaced: int) -> None:
    assert PoolsSpec(size=size, share=share).replaced == replaced


@pytest.mark.parametrize(("change", "idle"), [({}, False), ({"weight": 0}, True), ({"reach": 0}, True)])
def test_pools_without_weight_or_reach_are_idle(change: dict[str, float], idle: bool) -> None:
    assert PoolsSpec(**change).idle is idle
