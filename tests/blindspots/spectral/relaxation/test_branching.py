import itertools

import torch
from scipy.optimize import minimize

from blindspots.spectral.relaxation.branching import Branching, at_images, least_of
from blindspots.spectral.relaxation.radius import relaxed_radii
from tests.blindspots.spectral.relaxation.milp import least_change
from tests.blindspots.spectral.relaxation.networks import balanced, dense, read


def enumerated(model, image, label):
    """The least distance to where a network of one hidden layer misreads an image, over all patterns of its units."""
    first, last = model[0], model[2]
    best = float("inf")
    for rival in range(len(last.weight)):
        if rival == label:
            continue
        lead, offset = last.weight[label] - last.weight[rival], last.bias[label] - last.bias[rival]
        for pattern in itertools.product((0.0, 1.0), repeat=len(first.weight)):
            on = torch.tensor(pattern, dtype=torch.float64)
            form, constant = (lead * on) @ first.weight, (lead * on) @ first.bias + offset
            signs = 2 * on - 1
            limits = [
                {"type": "ineq", "fun": lambda x, f=form, c=constant: -(f.numpy() @ x + float(c))},
                {
                    "type": "ineq",
                    "fun": lambda x, s=signs: (s[:, None] * first.weight).numpy() @ x + (s * first.bias).numpy(),
                },
            ]
            start = image.numpy()
            found = minimize(
                lambda x, s=start: ((x - s) ** 2).sum(),
                start,
                bounds=[(0, 1)] * len(start),
                constraints=limits,
                method="SLSQP",
            )
            if found.success:
                best = min(best, float(found.fun) ** 0.5)
    return best


def test_is_what_an_enumeration_of_all_patterns_finds():
    points = torch.rand(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = balanced(dense(7, (3, 4, 3)), points)
    images = points[:3]
    labels = model(images).argmax(1)
    shown = relaxed_radii(read(model, (3,)), images, labels, branching=Branching(500))
    for image, label, proved, found in zip(images, labels, shown.proved, shown.found, strict=True):
        least = enumerated(model, image, int(label))
        assert float(proved) <= least * (1 + 1e-5)
        assert float(found) >= least * (1 - 1e-5)
        assert float(proved) >= least * (1 - 3e-4)


def test_is_what_a_mixed_integer_program_finds():
    points = torch.rand(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = balanced(dense(12, (2, 5, 5, 2)), points)
    images = points[:3]
    labels = model(images).argmax(1)
    shown = relaxed_radii(read(model, (2,)), images, labels, branching=Branching(500))
    for image, label, proved in zip(images, labels, shown.proved, strict=True):
        below, above = least_change(model, image, int(label))
        assert float(proved) <= above * (1 + 1e-5)
        assert float(proved) >= below * (1 - 3e-4)


def test_what_is_proved_where_parts_run_out_lies_between():
    points = torch.rand(400, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = balanced(dense(8, (6, 30, 30, 3)), points)
    images, network = points[:4], read(model, (6,))
    labels = model(images).argmax(1)
    none, few, more = (
        relaxed_radii(network, images, labels, branching=each).proved for each in (None, Branching(20), Branching(400))
    )
    assert (none <= few).all()
    assert (few <= more * (1 + 1e-9)).all()
    assert (none < more).any()


def test_least_of_images_and_their_ranges():
    image = torch.tensor([2, 0, 2])
    assert least_of(torch.tensor([3.0, 1.0, 2.0]), image, 3).tolist() == [1, torch.inf, 2]
    known = {4: (torch.arange(3), torch.arange(3) + 10)}
    assert at_images(known, image)[4][1].tolist() == [12, 10, 12]
