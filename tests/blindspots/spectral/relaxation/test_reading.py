import pytest
import torch
from torch import nn

from blindspots.spectral.matrix.bound import NoRuleError
from tests.blindspots.spectral.graph.models import Does
from tests.blindspots.spectral.mixed import Draw
from tests.blindspots.spectral.relaxation.networks import dense, pooled, read, residual


def both_kinds(seed):
    """A pooling after a rectifier that only it reads, and one after a rectifier that is read again."""
    pool = nn.MaxPool1d(2, 1)
    return (
        Draw(seed)
        .filled(
            nn.Sequential(
                Does(lambda m, x: x[:, None]),
                *(nn.Conv1d(1, 2, 2), nn.LeakyReLU(0.2), pool, nn.Conv1d(2, 2, 1)),
                Does(lambda m, x: (lambda y: m.pool(y) + y[:, :, 1:])(torch.relu(x)), pool=pool),
                *(nn.PReLU(2), nn.Flatten(), nn.Dropout(), nn.Linear(2 * 2, 3)),
            )
        )
        .double()
        .eval()
    )


def beside(seed, bend=nn.ReLU, *, pool_both=True):
    """Two branches that are computed at once: what one rectifies and pools, the other lies between."""
    draw = Draw(seed)
    short = nn.Conv2d(1, 4, 3, padding=1) if pool_both else nn.Conv2d(1, 4, 1, 2)

    def forward(m, x):
        first, second = m.a(x), m.b(x)
        return m.f((m.p(m.r(first)) + (m.p(second) if pool_both else second)).flatten(1))

    parts = {"a": nn.Conv2d(1, 4, 3, padding=1), "b": short, "f": nn.Linear(64, 3)}
    return draw.filled(Does(forward, **parts, p=nn.MaxPool2d(2), r=bend())).double().eval()


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (beside(5), (1, 8, 8)),
        (beside(6, pool_both=False), (1, 8, 8)),
        (beside(7, nn.LeakyReLU, pool_both=False), (1, 8, 8)),
        (dense(0, (4, 5, 3)), (4,)),
        (dense(1, (4, 3), bend=nn.LeakyReLU), (4,)),
        (pooled(2), (1, 6, 6)),
        (residual(3), (3,)),
        (both_kinds(4), (5,)),
        (nn.Sequential(nn.Flatten(), nn.LeakyReLU(-0.4), nn.LeakyReLU(1.7)).double(), (2, 3)),
    ],
)
def test_computes_what_the_model_does(model, shape):
    images = torch.rand(7, *shape, dtype=torch.float64)
    found = read(model, shape).logits(images)
    torch.testing.assert_close(found, model(images).flatten(1), rtol=1e-12, atol=1e-12)


def test_a_rectifier_is_put_behind_a_pooling_that_alone_reads_it():
    network = read(both_kinds(4), (5,))
    sizes = [torch.Size(network.nodes[place].shape).numel() for place in network.rectifiers]
    # pairs of 2 x 3 values and the rectifier of the larger ones; a rectifier of 2 x 3, pairs of 2 x 2, and the last one
    assert sizes == [6, 6, 6, 4, 4]


class Odd(nn.ReLU):
    """A rectifier that does something else."""

    def forward(self, inputs):
        return super().forward(inputs) ** 2


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.Sigmoid(), nn.Linear(3, 2)), r"layer '1' \(Sigmoid\): no relaxation"),
        (nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)), r"layer '1' \(LayerNorm\)"),
        (nn.Sequential(nn.Linear(3, 3), Odd()), "no rule for pow"),
        (Does(lambda m, x: torch.maximum(x, 0.5 * x)), "step 2 of the forward pass"),
        (Does(lambda m, x: x * x), "product or quotient"),
        (nn.Sequential(nn.Linear(3, 2).double(), Does(lambda m, x: x * float("inf"))), "not finite"),
    ],
)
def test_what_cannot_be_read_is_named(model, what):
    with pytest.raises(NoRuleError, match=what):
        read(model, (3,))
