"""The standing attack: random networks of one to three inputs, whose every image is looked at, on a grid of the box.

Some of them belong to every run; ``-m attack`` goes on for as long as ``BLINDSPOTS_ATTACK`` says, in seconds, 600
without, from the seed that ``BLINDSPOTS_ATTACK_SEED`` says, and prints its counts as it goes.
"""

import collections
import os
import sys
import time

import pytest
import torch

from blindspots.device import one_thread
from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import network_bounds
from blindspots.spectral.proof.beside import in_float64
from blindspots.spectral.proof.certificate import certified_radius
from blindspots.spectral.proof.rounded_product import lower_bound
from tests.blindspots.spectral.mixed import CLASSES, Draw, mixed, sequential, sigmoid
from tests.blindspots.spectral.rectified import rectified

POINTS = {1: 4001, 2: 91, 3: 27}
"""Along each axis of the grid, by the number of axes."""
IMAGES = 12
_CONSTANTS = 1e-4
"""What rounding to float32 may do to constants that a model computes, such as a variance that is a sum."""
PARTS = 100
"""Of a ball, by branch and bound."""
FAMILIES = (mixed, mixed, sigmoid, sequential, rectified, rectified)


def grid(axes, points):
    along = torch.linspace(0, 1, points, dtype=torch.float64)
    return torch.cartesian_prod(*[along] * axes).reshape(-1, axes)


def nearest(model, images, labels, others):
    """The distances (n,) of the nearest of ``others`` that a model reads as another class, drawn in to the boundary."""
    wrong = model(others).argmax(1) != labels[:, None]
    far = torch.cdist(images.double(), others.double(), compute_mode="donot_use_mm_for_euclid_dist")
    far = far.masked_fill(~wrong, torch.inf)
    found, places = far.topk(min(4, len(others)), largest=False)
    seen = found.isfinite()
    rows, columns = seen.nonzero(as_tuple=True)
    if not len(rows):
        return found[:, 0]
    # between an image and one that is misread is one that is misread first: halve, and keep what is misread
    start, end = images[rows], others[places[rows, columns]]
    low, high = torch.zeros(len(rows), 1), torch.ones(len(rows), 1)
    for _ in range(45):
        middle = ((low + high) / 2).to(images.dtype)
        misread = (model(start + middle * (end - start)).argmax(1) != labels[rows])[:, None]
        low, high = torch.where(misread, low, middle), torch.where(misread, middle, high)
    drawn_in = (start + high * (end - start)).double() - start.double()
    found[rows, columns] = drawn_in.norm(dim=1)
    return found.amin(dim=1)


def balanced(model, dtype, points):
    """Shift the last layer's bias so that each class leads somewhere, and return the model in ``dtype``."""
    model = model.eval().to(dtype)
    logits = model(points.to(dtype))
    spread = logits.std(dim=0).amax()
    if torch.isfinite(logits).all() and spread > 1e-9:
        model[-1].bias.sub_(logits.quantile(0.5, dim=0))
    return model


class Attack:
    """What was tried so far, and what was found to be wrong."""

    def __init__(self):
        self.counts = collections.Counter()
        self.wrong = []
        self.ratios = collections.defaultdict(list)

    @torch.no_grad()
    def of(self, seed):
        """Draw the network of ``seed`` and try each proof that there is of it."""
        draw = Draw(seed)
        axes, family = draw.pick.choice([1, 1, 2, 2, 3]), draw.pick.choice(FAMILIES)
        dtype = draw.pick.choice([torch.float32, torch.float64])
        points = grid(axes, POINTS[axes])
        model = balanced(family(draw, axes), dtype, points)
        images = torch.rand(IMAGES, axes, generator=draw.tensors, dtype=torch.float64)
        images = torch.where(torch.rand(images.shape, generator=draw.tensors) < 0.1, images.round(), images).to(dtype)
        labels = model(images).argmax(1)
        self.counts["networks"] += 1
        try:
            upper = network_bounds(model, (axes,)).attrs["product"]
        except NoRuleError:
            self.counts["refused"] += 1
            return
        double = in_float64(model, dtype)
        # what the copy computes of its constants is not rounded to the model's dtype: it is held to its own bound
        own = network_bounds(double, (axes,)).attrs["product"]
        if not upper >= own * (1 - _CONSTANTS):
            self.wrong.append((seed, "the model's own constant", own, upper))
        self._pairs(seed, double, points, own)
        distances = nearest(double, images.double(), labels, points)
        self.counts["images"] += len(points) * IMAGES
        by_family = ("local", "sdp") if family is sigmoid else ("relaxation", "exact")
        for method in ("auto", "product", *by_family):
            try:
                found = certified_radius(model, images, labels, method=method, parts=PARTS)
            except InputError as reason:
                if f"{method!r} is for" in str(reason) and family is not rectified:
                    continue
                raise
            self._radii(seed, found.method, found.radius, distances)
            if method == "exact":
                self._found(seed, found)
        if family is mixed:
            return
        distances = nearest(model, images, labels, points.to(dtype))
        self.counts["images"] += len(points) * IMAGES
        proved = lower_bound(model, images, labels) * axes**0.5
        if not proved.isnan().all():  # where there are calls, which these bounds do not see through
            self._radii(seed, f"as evaluated in {dtype}", proved, distances)
        try:
            own = certified_radius(model, images, labels, method="exact", arithmetic="own", parts=PARTS)
        except InputError as reason:
            if "'exact' is for" in str(reason):
                return
            raise
        self._radii(seed, f"exact, as evaluated in {dtype}", own.radius, distances)

    def _pairs(self, seed, double, points, upper):
        """Compare the constant of all layers with how far pairs of points come apart."""
        logits, moved = double(points), points.roll(1, 0)
        apart = (logits - logits.roll(1, 0)).norm(dim=1) / (points - moved).norm(dim=1)
        self.counts["pairs"] += len(points)
        room = 1e-13 * (1 + float(logits.abs().max())) / float((points - moved).norm(dim=1).min())
        if float(apart.max()) > upper * (1 + 1e-9) + 10 * room:
            self.wrong.append((seed, "constant", float(apart.max()), upper))
        self.ratios["constant"].append(float(apart.max()) / upper if upper > 0 else 1.0)

    def _radii(self, seed, method, radii, distances):
        """Compare radii with the distances of images that are misread."""
        self.counts["radii"] += len(radii)
        assert not radii.isnan().any(), (seed, method)
        for at in (radii > distances * (1 + 1e-9)).nonzero()[:, 0].tolist():
            self.wrong.append((seed, method, float(radii[at]), float(distances[at])))
        known = distances.isfinite() & (distances > 1e-9)
        self.ratios[method] += (radii / distances)[known].tolist()

    def _found(self, seed, found):
        """Compare what is proved with what was found beside, and count where the two meet."""
        self.counts["held against what was found"] += int(found.found.isfinite().sum())
        for at in (found.radius > found.found).nonzero()[:, 0].tolist():
            self.wrong.append((seed, "above what it found", float(found.radius[at]), float(found.found[at])))
        known = found.found.isfinite() & (found.found > 0)
        self.ratios["exact, of what it found"] += (found.radius / found.found)[known].tolist()
        self.counts["exact"] += int(found.exact.sum())

    def told(self):
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        tight = "; ".join(f"{name} {sum(each) / len(each):.3f}" for name, each in self.ratios.items() if each)
        return f"{counts}, {len(self.wrong)} violations (proved over found, in the mean: {tight})"


def test_no_image_of_small_networks_is_misread_within_its_radius():
    attack = Attack()
    with one_thread():
        for seed in range(25):
            attack.of(seed)
    assert attack.wrong == [], attack.told()
    assert attack.counts["refused"] <= 5
    assert attack.counts["radii"] >= 25 * IMAGES
    # near enough for a radius that is half as large again to show
    assert sum(attack.ratios["local"]) / len(attack.ratios["local"]) > 0.9


def test_the_attack_finds_what_is_wrong(monkeypatch):
    draw = Draw(0)
    model = balanced(sigmoid(draw, 2), torch.float64, grid(2, 21)).requires_grad_(False)
    images = torch.rand(IMAGES, 2, generator=draw.tensors, dtype=torch.float64)
    labels = model(images).argmax(1)
    assert len(labels.unique()) > 1
    assert labels.max() < CLASSES
    attack = Attack()
    proved = certified_radius(model, images, labels, method="local").radius
    distances = nearest(model, images, labels, grid(2, 91))
    attack._radii(0, "as it is", proved, distances)
    assert not attack.wrong
    attack._radii(0, "half as much again", 1.5 * proved, distances)
    assert attack.wrong
    found = network_bounds(model, (2,)).attrs["product"]
    attack._pairs(0, model, grid(2, 91), found)
    before = len(attack.wrong)
    attack._pairs(0, model, grid(2, 91), attack.ratios["constant"][0] * found / 1.01)
    assert len(attack.wrong) == before + 1
    assert "violations" in attack.told()


@pytest.mark.attack
@pytest.mark.timeout(0)
def test_by_hand_for_as_long_as_is_asked_for(capsys):
    attack = Attack()
    end = time.monotonic() + float(os.environ.get("BLINDSPOTS_ATTACK", "600"))
    seed, told = int(os.environ.get("BLINDSPOTS_ATTACK_SEED", "1000")), time.monotonic()
    with one_thread():
        while time.monotonic() < end:
            attack.of(seed)
            seed += 1
            if time.monotonic() - told > 30:
                told = time.monotonic()
                with capsys.disabled():
                    sys.stdout.write(f"\nup to seed {seed}: {attack.told()} {attack.wrong[-3:]}")
                    sys.stdout.flush()
    with capsys.disabled():
        sys.stdout.write(f"\nup to seed {seed}: {attack.told()}\n")
    assert attack.wrong == []
