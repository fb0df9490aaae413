import copy

import torch
from torch import nn

from blindspots.spectral.graph.own_tensors import own_tensors, replace_plain
from tests.blindspots.spectral.graph.models import Does


def test_parameters_buffers_and_what_attributes_hold():
    model = Does(lambda m, x: x, c=torch.ones(2), a=nn.Linear(2, 3))
    model.a.plain, model.several = torch.ones(4), {"k": [torch.ones(5), 3], "n": (torch.ones(6), torch.arange(7))}
    assert [tensor.shape[0] for tensor in own_tensors(model)] == [3, 3, 2, 5, 6, 4]
    kept, hooks = ["a list of no tensors"], model._forward_hooks
    model.kept = kept
    before = copy.deepcopy(model.state_dict())
    replace_plain(model, torch.Tensor.double)
    assert model.a.plain.dtype == model.several["k"][0].dtype == model.several["n"][0].dtype == torch.float64
    assert model.several["k"][1] == 3
    assert model.several["n"][1].dtype == torch.int64
    assert model.kept is kept
    assert model._forward_hooks is hooks
    assert all(value.dtype == before[name].dtype for name, value in model.state_dict().items())
