import pytest
import torch
from torch.nn import functional as F

from blindspots.spectral.graph.graph import trace
from blindspots.spectral.network import bound_layer
from tests.blindspots.spectral.graph.models import Does

CALLS = {
    "relu": (lambda x: F.relu(x), (4,)),
    "relu in place": (lambda x: (x * 2).relu_(), (4,)),
    "leaky": (lambda x: F.leaky_relu(x, 0.3), (4,)),
    "elu": (lambda x: F.elu(x, alpha=2.0), (4,)),
    "prelu": (lambda x: F.prelu(x, torch.full((1,), 1.7)), (4,)),
    "gelu": (lambda x: F.gelu(x, approximate="tanh"), (4,)),
    "silu": (lambda x: F.silu(x), (4,)),
    "hardtanh": (lambda x: F.hardtanh(x, -0.2, 0.4), (4,)),
    "softplus": (lambda x: F.softplus(x, 3.0), (4,)),
    "log softmax": (lambda x: F.log_softmax(x, 1), (4,)),
    "tensor softmax": (lambda x: x.softmax(-1), (4,)),
    "layer norm": (lambda x: F.layer_norm(x, (4,), eps=0.5), (4,)),
    "rms norm": (lambda x: F.rms_norm(x, (4,), torch.full((4,), 3.0), 0.5), (4,)),
    "group norm": (lambda x: F.group_norm(x, 2, torch.tensor([1.0, 2, 3, 4]), eps=0.1), (4, 3)),
    "batch norm": (lambda x: F.batch_norm(x, torch.zeros(2), torch.full((2,), 4.0), eps=0.0), (2, 3, 3)),
    "padding of channels": (lambda x: F.pad(x, (0, 0, 0, 0, 2, 2), "constant", 0), (2, 4, 4)),
    "padding of the last axis": (lambda x: F.pad(x, (1, 1), value=2.0), (2, 4, 4)),
    "padding of rows": (lambda x: F.pad(x, (1, 1)), (4,)),
    "response norm": (lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), (4, 3, 3)),
    "convolution": (lambda x: F.conv2d(x, torch.ones(4, 1, 3, 2), stride=(2, 1), padding=1, groups=2), (2, 6, 5)),
    "transposed": (lambda x: F.conv_transpose2d(x, torch.ones(2, 3, 3, 3), stride=2, padding=1), (2, 4, 4)),
    "convolution 1d": (lambda x: F.conv1d(x, torch.ones(4, 2, 3), torch.ones(4), dilation=2), (2, 9)),
    "max pool": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), (1, 8, 8)),
    "torch's max pool": (lambda x: torch.max_pool2d(x, 2), (1, 6, 6)),
    "average pool": (lambda x: F.avg_pool2d(x, 3, stride=1, count_include_pad=False), (1, 5, 5)),
    "average pool 1d": (lambda x: F.avg_pool1d(x, 3, 2), (2, 7)),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, (2, 3)), (1, 5, 5)),
    "adaptive maximum": (lambda x: F.adaptive_max_pool2d(x, 2), (1, 5, 5)),
    "of squares": (lambda x: F.lp_pool2d(x, 2, 3, stride=1), (1, 5, 5)),
    "zeros around": (lambda x: F.pad(x, (1, 2, 0, 1)), (1, 5, 5)),
    "reflected": (lambda x: F.pad(x, (2, 2, 2, 2), mode="reflect"), (1, 5, 5)),
    "circular": (lambda x: F.pad(x, (2, 1), mode="circular"), (1, 5)),
    "larger": (lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), (1, 3, 3)),
    "linear": (lambda x: F.linear(x, torch.eye(4)[:3], torch.tensor([1.0, 2, 3])), (4,)),
    "linear by names": (lambda x: F.linear(bias=torch.ones(3), input=x, weight=torch.eye(4)[:3]), (4,)),
    "convolution by names": (lambda x: F.conv1d(x, weight=torch.ones(4, 2, 3), padding=1, bias=torch.ones(4)), (2, 9)),
    "transposed with a bias": (lambda x: F.conv_transpose1d(x, torch.ones(2, 3, 2), torch.ones(3), 2), (2, 4)),
    "layer norm, shifted": (lambda x: F.layer_norm(x, (4,), torch.ones(4), torch.arange(4.0)), (4,)),
    "group norm, shifted": (lambda x: F.group_norm(x, 2, bias=torch.arange(4.0)), (4, 3)),
    "batch norm, shifted": (
        lambda x: F.batch_norm(x, torch.arange(2.0), torch.ones(2), torch.ones(2), bias=torch.arange(2.0)),
        (2, 3),
    ),
    "instance norm": (lambda x: F.instance_norm(x, weight=torch.ones(2), bias=torch.arange(2.0), eps=0.5), (2, 3, 3)),
    "instance norm by statistics": (
        lambda x: F.instance_norm(x, torch.arange(2.0), torch.full((2,), 4.0), use_input_stats=False),
        (2, 3),
    ),
    "dropout": (lambda x: F.dropout(x, 0.5, False), (4,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_stands_for_the_module_that_does_the_same(name):
    call, shape = CALLS[name]
    (layer, *_) = trace(Does(lambda m, x: call(x)), shape).layers
    inputs = 3 * torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    scaled = 2 * inputs if name == "relu in place" else inputs
    real, module = call(inputs), layer.module.eval()(scaled)
    assert layer.input_shape == shape
    assert layer.output_shape == tuple(real.shape[1:])
    torch.testing.assert_close(module, real)
    assert bound_layer(layer).own.upper > 0
