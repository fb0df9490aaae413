"""The golden numbers of searches, and that they move with the algorithm."""

from types import SimpleNamespace

import pytest
import torch

from blindspots.distortion.methods import Auto, Lbfgs, Projection
from blindspots.distortion.search import minimum_distortion
from blindspots.jobs.stages import adversarial_sets as module
from blindspots.perturbation.eight_bits import survives_eight_bits
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed
from tests.fixed import fixed_images, fixed_network, labels_read

GOLDEN = {
    ((), "nearest", "auto"): (0.014408076485233687, 0.010970691012489714, 40, 20),
    ((), "random", "auto"): (0.05062120322670033, 0.036702095026227344, 40, 9),
    ((12,), "nearest", "auto"): (0.016039586944202766, 0.006458151816355377, 40, 23),
    ((12,), "nearest", "lbfgs"): (0.017424882055674832, 0.006458151816355377, 40, 29),
    ((12,), "second", "auto"): (0.020686272420063358, 0.00684843661369026, 40, 23),
    ((12,), "random", "auto"): (0.0640888981564482, 0.022618172646176094, 38, 13),
    ((12,), "random", "lbfgs"): (0.07265908543687064, 0.022618172646176094, 38, 34),
    ((12,), "class-3", "auto"): (0.0469590847739388, 0.018724355183448112, 39, 16),
    ((12, 11), "nearest", "auto"): (0.021651846581661423, 0.0025824192526550703, 40, 24),
    ((12, 11), "random", "auto"): (0.06834446452275161, 0.013428237846857002, 30, 20),
    ((12, 11), "random", "projection"): (0.04422465024332248, 0.013428237846857002, 25, 13),
}
"""Of hidden units, rule and method: mean distortion, mean lower bound, successes, and those that survive 8 bits."""
ROUNDING = 1e-8
"""Relative; processors differ by 4e-10 at most."""


def search(hidden: tuple[int, ...], rule: str, method: str | Auto) -> tuple[float, float, int, int]:
    """Do what the stage does, in float64, on weights and images that are written down."""
    images, _ = fixed_images(40)
    model = fixed_network(*hidden)
    labels = labels_read(model, images)
    found = minimum_distortion(model, images, labels, rule=rule, method=method, split="train")
    reached = found.success
    goals = None if rule == "nearest" else found.target[reached]
    left = survives_eight_bits(model, found.images[reached], labels[reached], targets=goals)
    means = (float(each.mean()) for each in (found.distortion, found.lower_bound))
    return (*means, int(reached.sum()), int(left.sum()))


@pytest.mark.numerics
@pytest.mark.parametrize(("hidden", "rule", "method"), GOLDEN)
def test_golden_numbers(hidden: tuple[int, ...], rule: str, method: str) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    assert module.ALGORITHM == 5
    expected = GOLDEN[hidden, rule, method]
    found = search(hidden, rule, method)
    assert found[:2] == pytest.approx(expected[:2], rel=ROUNDING)
    assert found[2:] == expected[2:]


@pytest.mark.parametrize(
    ("rule", "method"),
    [
        ("nearest", Auto(projection=Projection(rounds=2))),
        ("random", Auto(lbfgs=Lbfgs(values=3, iterations=12, tolerance=0.3))),
        ("random", Auto(lbfgs=Lbfgs(values=2, iterations=11, tolerance=0.3))),
        ("random", Auto(lbfgs=Lbfgs(values=2, iterations=12, tolerance=0.1))),
    ],
    ids=str,
)
def test_a_golden_number_moves_with_the_algorithm(rule: str, method: Auto) -> None:
    expected = GOLDEN[(12, 11), rule, "auto"][0]
    assert abs(search((12, 11), rule, method)[0] - expected) > 100 * ROUNDING * expected


def test_a_golden_number_moves_with_the_drawn_targets() -> None:
    images, _ = fixed_images(40)
    model = fixed_network(12)
    labels = labels_read(model, images)
    other = minimum_distortion(model, images, labels, rule="random", split="train", seed=1)
    expected = GOLDEN[(12,), "random", "auto"][0]
    assert abs(float(other.distortion.mean()) - expected) > 100 * ROUNDING * expected
    assert other.distortion.dtype == torch.float64


@pytest.mark.parametrize(
    ("classes", "method", "known"),
    [(10, "auto", False), (11, "auto", True), (1000, "auto", True), (11, "lbfgs", False)],
)
def test_only_sets_among_many_classes_know_of_that_search(
    tiny: Study, monkeypatch: pytest.MonkeyPatch, classes: int, method: str, known: bool
) -> None:
    """What was made of ten classes, or by another method, before there was such a search is to be found done."""
    monkeypatch.setattr(module, "weights_hash", lambda *_: "0123")
    study = changed(tiny, sets={"method": method})
    workspace = SimpleNamespace(study=study, dataset=SimpleNamespace(classes=classes))
    content = module.AdversarialSet(split="train", model="fc10", seed=0, rule="random").content(workspace)
    assert ("among_many" in content) == known
    fields = {"stage", "algorithm", "weights", "layers", "rule", "method", "seed"}
    assert content.keys() - {"among_many"} == fields


@pytest.mark.parametrize(
    ("method", "effort", "known", "said"),
    [("auto", "usual", None, "usual"), ("auto", "fast", "fast", "fast"), ("lbfgs", "fast", None, None)],
)
def test_an_effort_is_named_where_it_decides(
    tiny: Study, monkeypatch: pytest.MonkeyPatch, method: str, effort: str, known: str | None, said: str | None
) -> None:
    """Sets made before a study could name one are by the usual, and stay done; methods other than auto know none."""
    monkeypatch.setattr(module, "weights_hash", lambda *_: "0123")
    study = changed(tiny, sets={"method": method, "effort": effort})
    workspace = SimpleNamespace(study=study, dataset=SimpleNamespace(classes=10, name="", sha256=""))
    job = module.AdversarialSet(split="train", model="fc10", seed=0, rule="random")
    assert job.content(workspace).get("effort") == known
    assert job.attributes(workspace).get("effort") == said


@pytest.mark.parametrize("effort", ["fast", "thorough"])
def test_the_search_is_told_the_effort(tiny: Study, monkeypatch: pytest.MonkeyPatch, effort: str) -> None:
    told: dict[str, object] = {}

    class Told(Exception):
        pass

    def search(*_: object, **options: object) -> None:
        told.update(options)
        raise Told

    monkeypatch.setattr(module, "minimum_distortion", search)
    monkeypatch.setattr(module, "trained_model", lambda *_: None)
    pixels = torch.zeros(1)
    dataset = SimpleNamespace(images=lambda *_: pixels, labels=lambda *_: pixels)
    workspace = SimpleNamespace(study=changed(tiny, sets={"effort": effort}), dataset=dataset, device="cpu")
    with pytest.raises(Told):
        module.AdversarialSet(split="train", model="fc10", seed=0, rule="random").compute(workspace, pixels.numpy())
    assert told["effort"] == effort
