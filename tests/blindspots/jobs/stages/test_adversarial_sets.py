"""The golden numbers of searches, and that they move with the algorithm."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from blindspots.distortion.methods import Auto, Lbfgs, Method, Projection
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
    assert module.ALGORITHM == 9
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


@pytest.mark.parametrize(
    ("method", "values", "known"), [("lbfgs-norm", 7, None), ("lbfgs-norm", 2, 2), ("auto", 2, None)]
)
def test_values_of_c_are_named_where_they_decide(
    tiny: Study, monkeypatch: pytest.MonkeyPatch, method: str, values: int, known: int | None
) -> None:
    """Sets made before a study could name a number are by the usual one, and stay done."""
    monkeypatch.setattr(module, "weights_hash", lambda *_: "0123")
    study = changed(tiny, sets={"method": "lbfgs", "targeted_method": method, "c_values": values})
    workspace = SimpleNamespace(study=study, dataset=SimpleNamespace(classes=10, name="", sha256=""))
    job = module.AdversarialSet(split="train", model="fc10", seed=0, rule="random")
    assert job.content(workspace).get("c_values") == known
    assert job.attributes(workspace).get("c_values") == known


@pytest.mark.parametrize(
    ("sets", "method", "effort"),
    [
        ({"effort": "fast"}, "auto", "fast"),
        ({"effort": "thorough"}, "auto", "thorough"),
        ({"method": "lbfgs-norm"}, Lbfgs(penalty="norm"), None),
        ({"method": "lbfgs", "c_values": 2}, Lbfgs(values=2), None),
    ],
)
def test_the_search_is_told_what_the_study_asks_for(
    tiny: Study, monkeypatch: pytest.MonkeyPatch, sets: dict[str, object], method: Method | str, effort: str | None
) -> None:
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
    workspace = SimpleNamespace(study=changed(tiny, sets=sets), dataset=dataset, device="cpu")
    with pytest.raises(Told):
        module.AdversarialSet(split="train", model="fc10", seed=0, rule="random").compute(workspace, pixels.numpy())
    assert (told["method"], told["effort"]) == (method, effort)


def beside(*rules: str) -> module.AdversarialSet:
    return module.AdversarialSet(split="train", model="fc10", seed=0, rule="nearest", beside=rules)


def test_the_nearest_set_is_held_beside_the_others_of_the_study(tiny: Study) -> None:
    rules = ["class-3", "nearest", "random"]
    jobs = {job.rule: job for job in module.sets_of(changed(tiny, sets={"rules": rules}), tiny.models[0], 0)}
    assert jobs["nearest"].beside == ("class-3", "random")
    assert jobs["nearest"].inputs == ("models/fc10/seed-0", jobs["class-3"].key, jobs["random"].key)
    assert jobs["random"].inputs == jobs["class-3"].inputs == ("models/fc10/seed-0",)


@pytest.mark.parametrize("sets", [{"rules": ["nearest"]}, {"rules": ["random", "nearest"], "method": "projection"}])
def test_alone_or_by_a_method_of_its_own_it_is_what_it_was(tiny: Study, sets: dict[str, object]) -> None:
    jobs = {job.rule: job for job in module.sets_of(changed(tiny, sets=sets), tiny.models[0], 0)}
    assert jobs["nearest"] == beside()
    assert jobs["nearest"].inputs == ("models/fc10/seed-0",)


def test_its_identity_has_the_shards_beside_as_far_as_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"random": dict.fromkeys(module._COMPARED, "a")}
    monkeypatch.setattr(module.ExampleSet, "_of_shard", lambda *_: "own")
    monkeypatch.setattr(module.AdversarialSet, "shards", lambda self, _: 2 if self.rule == "random" else 5)
    monkeypatch.setattr(
        module.AdversarialSet,
        "receipt",
        lambda self, *_: SimpleNamespace(arrays=contents[self.rule]) if self.rule in contents else None,
    )

    def shard(number: int, *rules: str) -> str | None:
        return beside(*rules)._of_shard(None, "whole", number)

    first = shard(1, "random")
    assert shard(1) == shard(2, "random") == "own" != first
    contents["random"] = {**contents["random"], "distortion": "b"}
    assert shard(1, "random") not in (None, first)
    contents["random"] = {**contents["random"], "distortion": "a", "iterations": "b"}
    assert shard(1, "random") == first
    del contents["random"]
    assert shard(1, "random") is None  # it is yet to be made


def test_what_a_set_beside_has_nearer_is_taken(monkeypatch: pytest.MonkeyPatch, tiny: Study) -> None:
    images, _ = fixed_images(40)
    model = fixed_network(12, 11)
    labels = labels_read(model, images)
    least = minimum_distortion(model, images, labels, split="train")
    # towards one class, for the first 30 images alone; every second one far from the nearest, two without success
    share = torch.where(torch.arange(40) % 2 == 0, 1.0, 3.0)[:, None, None, None].double()
    change = (images + share * least.perturbation).clamp(0, 1) - images
    read = model(images + change).argmax(1)
    far = replace(
        least,
        images=images + change,
        perturbation=change,
        distortion=change.flatten(1).square().mean(1).sqrt(),
        success=read != labels,
        predicted=read,
        target=read,
    )
    known = {
        "perturbation": least.perturbation[:30],
        "predicted": least.predicted[:30],
        "distortion": least.distortion[:30],
        "success": least.success[:30] & (torch.arange(30) > 1),
    }
    stored = {name: each.numpy() for name, each in known.items()}
    monkeypatch.setattr(module.AdversarialSet, "read_as_made", lambda *_: stored)
    monkeypatch.setattr(module.AdversarialSet, "ids", lambda *_: np.arange(40))
    monkeypatch.setattr(module.AdversarialSet, "shards", lambda *_: 1)
    monkeypatch.setattr(module, "trained_model", lambda *_: model)
    monkeypatch.setattr(module, "minimum_distortion", lambda *_, **__: far)
    dataset = SimpleNamespace(images=lambda *_: images, labels=lambda *_: labels)
    workspace = SimpleNamespace(study=tiny, dataset=dataset, device="cpu")
    made = beside("random").compute(workspace, np.arange(40))
    held = torch.arange(40)
    better = (held > 1) & (held < 30) & (~far.success | (far.distortion > least.distortion)) & least.success
    assert 10 < int(better.sum()) < 30
    for name in ("perturbation", "distortion", "predicted", "target", "success"):
        wide = better[:, None, None, None] if name == "perturbation" else better
        np.testing.assert_array_equal(made[name], torch.where(wide, getattr(least, name), getattr(far, name)).numpy())
    moved = torch.from_numpy(images.numpy() + made["perturbation"])
    np.testing.assert_array_equal(model(moved).argmax(1).numpy(), made["predicted"])
    survives = survives_eight_bits(model, moved[better], labels[better])
    np.testing.assert_array_equal(made["survives_eight_bits"][better.numpy()], survives.numpy())
    assert not np.array_equal(beside().compute(workspace, np.arange(40))["distortion"], made["distortion"])


def test_a_set_beside_that_reaches_the_label_is_no_find(tiny: Study) -> None:
    """An image that is misread from the start is driven to its own label by no rule; were it, that would not count."""
    images, _ = fixed_images(4)
    model = fixed_network(12)
    labels = labels_read(model, images)
    found = minimum_distortion(model, images, labels, split="train")
    stored = {
        "perturbation": np.zeros_like(images.numpy()),
        "predicted": labels.numpy(),
        "distortion": np.zeros(4),
        "success": np.ones(4, dtype=bool),
    }
    assert module._nearer_of(found, stored, images=images, labels=labels) is found


@pytest.mark.parametrize(
    ("success", "said"),
    [
        ([True, True, False], "shard 0: mean distortion 0.0500, success 2 of 3"),
        ([False] * 3, "shard 0: success 0 of 3"),
    ],
)
def test_what_is_said_counts_no_search_that_failed(success: list[bool], said: str) -> None:
    job = module.AdversarialSet(split="train", model="fc10", seed=0, rule="random")
    arrays = {"distortion": np.array([0.04, 0.06, 0.0]), "success": np.array(success)}
    assert job.said(SimpleNamespace(), 0, arrays) == said
