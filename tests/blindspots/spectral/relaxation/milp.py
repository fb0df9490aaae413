"""The least change that makes a small network of rectifiers misread an image, by scipy's mixed-integer solver.

An oracle that shares nothing with the proof but the network. A rectifier's output a of an input z between l and u is
``z <= a <= z - l (1 - d)``, ``0 <= a <= u d`` with d 0 or 1. A Euclidean norm is no linear form: planes that touch the
ball stand for it, and one more is added where the last answer lay, until planes and ball agree there. The least by the
planes is never above the least by the ball, and the answer itself is never below it.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import nn

_ROUNDS = 60


def least_change(model, image, label, tolerance=5e-5):
    """Return how far an image must be moved in the box at the least, from below and from above.

    ``model``: linear layers with rectifiers between them, float64; ``image``: (p,); infinity where nothing misreads.
    """
    layers = [
        (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in model if isinstance(layer, nn.Linear)
    ]
    start, rivals = image.numpy(), [rival for rival in range(len(layers[-1][1])) if rival != label]
    ends = np.array([_towards(layers, start, label, rival, tolerance) for rival in rivals])
    return tuple(ends.min(axis=0))


def _towards(layers, start, label, rival, tolerance):
    pixels, hidden = len(start), [len(bias) for _, bias in layers[:-1]]
    size = pixels + 2 * sum(hidden) + 1  # pixels, then each layer's outputs and switches, then the distance
    rows, low, high = [], [], []

    def within(parts, least, most):
        row = np.zeros(size)
        for place, values in parts:
            row[place : place + len(values)] += values
        rows.append(row)
        low.append(least)
        high.append(most)

    lower, upper = np.zeros(size), np.ones(size)
    upper[-1] = np.sqrt(pixels)
    switches = np.zeros(size)
    place, ends, source = pixels, (np.zeros(pixels), np.ones(pixels)), 0
    for weight, bias in layers[:-1]:
        units, positive, negative = len(bias), weight.clip(0), weight.clip(max=0)
        least = positive @ ends[0] + negative @ ends[1] + bias
        most = positive @ ends[1] + negative @ ends[0] + bias
        for unit in range(units):
            value, switch = (place + unit, [1.0]), place + units + unit
            within([value, (source, -weight[unit])], bias[unit], np.inf)
            within(
                [value, (source, -weight[unit]), (switch, [-min(least[unit], 0)])],
                -np.inf,
                bias[unit] - min(least[unit], 0),
            )
            within([value, (switch, [-max(most[unit], 0)])], -np.inf, 0)
        ends = least.clip(0), most.clip(0)
        upper[place : place + units] = ends[1]
        switches[place + units : place + 2 * units] = 1
        source, place = place, place + 2 * units
    weight, bias = layers[-1]
    within([(source, weight[label] - weight[rival])], -np.inf, bias[rival] - bias[label])
    goal = np.zeros(size)
    goal[-1] = 1
    planes = [*np.eye(pixels), *-np.eye(pixels)]
    for turn in range(_ROUNDS):
        for plane in planes:
            within([(0, plane), (size - 1, [-1.0])], -np.inf, plane @ start)
        limits = LinearConstraint(np.array(rows), low, high)
        found = milp(
            goal, constraints=limits, bounds=Bounds(lower, upper), integrality=switches, options={"mip_rel_gap": 0}
        )
        if not found.success and turn == 0:
            return np.inf, np.inf
        assert found.success, "a plane that touches the ball cuts off no answer"
        change = found.x[:pixels] - start
        far = np.linalg.norm(change)
        if far - found.x[-1] <= tolerance * far:
            return found.x[-1], far
        planes = [change / far]
    raise AssertionError("planes and ball did not meet")
