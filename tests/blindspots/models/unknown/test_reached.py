"""Modules are found wherever a function keeps them."""

from functools import lru_cache, partial, wraps
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from blindspots.models.unknown.reached import modules_reached

NET = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
ELSEWHERE = ModuleType("elsewhere")
ELSEWHERE.net = NET


def of_a_global(images):
    return NET(images)


def of_a_module(images):
    return ELSEWHERE.net(images)


def of_a_default(images, net=NET):
    return net(images)


def of_a_keyword(images, *, net=NET):
    return net(images)


def of_a_closure(net):
    return lambda images: sum(part(images) for part in [net])


def of_code_within(images):
    return (lambda inner: NET(inner))(images)


def wrapped(function):
    @wraps(function)
    def calling(images):
        return function(images)

    return calling


class Slotted:
    __slots__ = ("net",)

    def __init__(self, net):
        self.net = net

    def __call__(self, images):
        return self.net(images)


class Named:
    def __call__(self, images):
        return of_a_global(images)


@pytest.mark.parametrize(
    "function",
    [
        NET,
        NET.forward,
        NET.__call__,
        of_a_global,
        of_a_module,
        of_a_default,
        of_a_keyword,
        of_a_closure(NET),
        of_a_closure(of_a_closure(partial(of_a_default, net=NET.forward))),
        of_code_within,
        wrapped(of_a_default),
        lru_cache(of_a_default),
        partial(lambda net, images: net(images), NET),
        partial(lambda images, net: net(images), net=NET),
        partial(Slotted(NET).__call__),
        Slotted([NET, NET]),
        Named(),
        SimpleNamespace(inner={"net": SimpleNamespace(net=NET)}),
    ],
)
def test_the_module_is_found_alone(function) -> None:
    assert modules_reached(function) == (NET,)


def test_of_one_module_parts_are_left_out_and_what_it_keeps_beside_them_is_not() -> None:
    outer = nn.Sequential(NET)
    assert modules_reached(lambda images: NET[0](outer(images))) == (outer,)
    outer.others = [nn.Linear(2, 2), {"more": nn.Tanh()}]
    assert modules_reached(lambda images: outer(images)) == (outer, outer.others[0], outer.others[1]["more"])


def test_a_function_without_modules_reaches_none() -> None:
    later = [lambda images: unfilled(images)]  # whose cell is empty as yet
    assert modules_reached(later[0]) == ()
    unfilled = torch.relu
    assert modules_reached(later[0]) == modules_reached(torch.nn.functional.relu) == modules_reached(torch.relu) == ()
