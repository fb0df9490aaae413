import torch

from blindspots.spectral.relaxation.backward import Lines, backwards, backwards_from_values, lines, sloped
from tests.blindspots.spectral.relaxation.networks import dense, pooled, read, residual


def test_the_lines_lie_around_the_rectifier():
    low = torch.tensor([[-2.0, -1.0, 0.5, -3.0, 0.0, -1.0]], dtype=torch.float64)
    high = torch.tensor([[1.0, 3.0, 2.0, -1.0, 1.0, 0.0]], dtype=torch.float64)
    around = lines(low, high)
    assert around.lower[0, 0].tolist() == [0, 1, 1, 0, 1, 0]
    other = sloped(around, torch.full((1, 1, 6), 0.25, dtype=torch.float64), low, high)
    assert other.lower[0, 0].tolist() == [0.25, 0.25, 1, 0, 1, 0]
    for share in torch.linspace(0, 1, 21, dtype=torch.float64):
        inputs = low + share * (high - low)
        outputs = inputs.clamp_min(0)
        for each in (around, other):
            assert (each.lower[0] * inputs <= outputs + 1e-15).all()
            assert (each.upper[0] * inputs + each.above[0] >= outputs - 1e-15).all()


def test_the_form_is_below_the_lead_and_multipliers_only_lower_it_where_the_split_is():
    network = read(dense(3, (4, 6, 5, 3)), (4,))
    images = torch.rand(400, 4, dtype=torch.float64)
    values = network.values(images)
    around: dict[int, Lines] = {}
    for place in network.rectifiers:
        inputs = values[network.nodes[place].inputs[0]]
        around[place] = lines(inputs.amin(0, keepdim=True), inputs.amax(0, keepdim=True))
    rows = torch.randn(1, 7, 3, dtype=torch.float64)
    form = backwards(network, len(network.nodes) - 1, rows, around)
    below = images @ form.image[0].T + form.constant[0]
    truth = values[-1] @ rows[0].T
    assert (below <= truth + 1e-12).all()
    assert (truth - below).min() < 1  # and not far below everywhere
    # with the input of one rectifier not below 0, a multiple of it may be taken off
    place = network.rectifiers[0]
    inputs = values[network.nodes[place].inputs[0]]
    taken = torch.zeros(1, 1, 6, dtype=torch.float64)
    taken[0, 0, 2] = -1.5
    lower = backwards(network, len(network.nodes) - 1, rows, around, {place: taken})
    split = images @ lower.image[0].T + lower.constant[0]
    torch.testing.assert_close(split, below - 1.5 * inputs[:, 2:3])
    assert (split <= truth + 1e-12)[inputs[:, 2] >= 0].all()


def test_the_coefficients_are_those_of_the_rectifiers_outputs():
    network = read(dense(3, (4, 6, 3)), (4,))
    place = network.rectifiers[0]
    around = {place: lines(torch.full((1, 6), -1.0).double(), torch.ones(1, 6).double())}
    rows = torch.eye(3, dtype=torch.float64)[None]
    form = backwards(network, len(network.nodes) - 1, rows, around)
    torch.testing.assert_close(form.coefficients[place][0], network.nodes[-1].maps[0].weight)


def test_single_values_are_the_forms_of_unit_vectors():
    for model, shape in ((dense(3, (4, 6, 5, 3)), (4,)), (pooled(1), (1, 6, 6)), (residual(2), (3,))):
        network = read(model, shape)
        values = network.values(torch.rand(50, *shape, dtype=torch.float64))
        around = {}
        for place in network.rectifiers:
            inputs = values[network.nodes[place].inputs[0]]
            around[place] = lines(inputs.amin(0, keepdim=True), inputs.amax(0, keepdim=True))
        for place in range(1, len(network.nodes)):
            size = torch.Size(network.nodes[place].shape).numel()
            some = torch.arange(size).flip(0)[:4]
            units = -torch.eye(size, dtype=torch.float64)[some].reshape(1, -1, *network.nodes[place].shape)
            wanted = backwards(network, place, units, around)
            found = backwards_from_values(network, place, some, -1.0, around)
            torch.testing.assert_close(found.image.expand_as(wanted.image), wanted.image)
            torch.testing.assert_close(found.constant.expand_as(wanted.constant), wanted.constant)
