"""What a job's identity depends on: every field that decides its content, and nothing else."""

from pathlib import Path

import pytest

from blindspots.jobs.opening import open_root
from blindspots.jobs.stages.reference_sets import NoiseSet
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.study.bounds_spec import BoundsSpec
from blindspots.study.model_spec import ModelSpec
from blindspots.study.sets_spec import NegativesSpec, SetsSpec
from blindspots.study.study import Study
from blindspots.study.training_spec import AdamSpec, AutoencoderSpec, TrainingSpec
from tests.blindspots.jobs.conftest import changed

TRAINING = {
    "images": 600,
    "decrease": 1e-3,
    "warm_epochs": 1,
    "iterations": 61,
    "tolerance": 1e-3,
    "decay_form": "per-unit",
    "checkpoint_every": 31,
}
MODEL = {
    "hidden": [21],
    "decay": [1e-4, 2e-4],
    "penalty": 1e-2,
    "split": "p1",
    "initial": 1,
    "biases": False,
    "pools": {"size": 100},
    "hardening": {},
}
NEGATIVES = {"images": 10, "directions": 3, "multiples": [2.0]}
BOUNDS = {"models": False, "certified": 5, "parts": 40, "alexnet": "pretrained", "sha256": ""}
ADAM = {"epochs": 3, "batch": 50, "rate": 1e-2}
AUTOENCODER = {"decay": 1e-2, "sparsity": 0.2, "weight": 1.0, "iterations": 5, "tolerance": 1e-2}
SETS = {
    "rules": ["nearest"],
    "method": "projection",
    "targeted_method": "projection",
    "effort": "fast",
    "c_values": 3,
    "splits": ["test"],
    "examples": 60,
    "targeted_examples": 30,
    "shard": 10,
    "noise": [0.2],
    "amplified_to": 0.2,
    "amplified_splits": ["test"],
}


def training_identity(study: Study, root: Path, seed: int = 0) -> str:
    return TrainingJob("fc20-10", seed).identity(open_root(study, root).workspace, 0)


def noise_identity(study: Study, root: Path) -> str | None:
    return NoiseSet(split="train", stddev=0.1, clip=False).identity(open_root(study, root).workspace, 0)


def with_model(study: Study, **fields: object) -> Study:
    models = study.model_dump(mode="json")["models"]
    models[1] |= fields
    return changed(study, models=models)


def test_every_field_of_a_study_is_thought_of() -> None:
    """A new field belongs into one of the lists above, or into none because it cannot change a content.

    What is said of pictures is part of the data set's own hash, which the data set's tests hold.
    """
    assert set(TRAINING) | {"adam", "autoencoder"} == set(TrainingSpec.model_fields)
    assert set(ADAM) == set(AdamSpec.model_fields)
    assert set(AUTOENCODER) == set(AutoencoderSpec.model_fields)
    assert set(MODEL) | {"name", "paper", "network", "channels", "examples", "given"} == set(ModelSpec.model_fields)
    assert set(SETS) == set(SetsSpec.model_fields)
    assert set(NEGATIVES) == set(NegativesSpec.model_fields)
    assert set(BOUNDS) == set(BoundsSpec.model_fields)
    parts = {"name", "dataset", "pictures", "models", "training", "sets", "negatives", "bounds", "seed", "seeds"}
    assert set(Study.model_fields) == parts | {
        "units",
        "quocnet",
        "detector",
    }  # whose stages' tests look at their fields


KINDS = {
    "fully-connected": {},
    "autoencoder": {"network": "autoencoder", "hidden": [20], "decay": [1e-4]},
    "convolutional": {"network": "convolutional", "channels": [2], "hidden": [], "decay": [0, 0]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_depends_on_what_its_own_kind_uses(tiny: Study, tmp_path: Path, mnist: object, kind: str) -> None:
    study = with_model(tiny, **KINDS[kind])
    expected = training_identity(study, tmp_path)

    def depends(part: str, fields: dict[str, object]) -> bool:
        others = [
            changed(study, training={part: {**getattr(study.training, part).model_dump(), f: v}})
            for f, v in fields.items()
        ]
        differ = {training_identity(other, tmp_path) != expected for other in others}
        assert len(differ) == 1, part
        return differ.pop()

    assert depends("adam", ADAM) == (kind == "convolutional")
    assert depends("autoencoder", AUTOENCODER) == (kind == "autoencoder")
    assert (training_identity(changed(study, training={"iterations": 7}), tmp_path) != expected) == (
        kind != "convolutional"
    )
    assert training_identity(with_model(study, **KINDS[kind], examples=7), tmp_path) == expected
    if kind == "convolutional":
        assert training_identity(with_model(study, **{**KINDS[kind], "channels": [3]}), tmp_path) != expected


@pytest.mark.parametrize("field", TRAINING)
def test_a_training_depends_on_how_it_is_trained(tiny: Study, tmp_path: Path, mnist: object, field: str) -> None:
    other = changed(tiny, training={field: TRAINING[field]})
    assert training_identity(other, tmp_path) != training_identity(tiny, tmp_path)


@pytest.mark.parametrize("field", MODEL)
def test_a_training_depends_on_its_network(tiny: Study, tmp_path: Path, mnist: object, field: str) -> None:
    assert training_identity(with_model(tiny, **{field: MODEL[field]}), tmp_path) != training_identity(tiny, tmp_path)


def test_a_training_depends_on_its_seeds(tiny: Study, tmp_path: Path, mnist: object) -> None:
    assert training_identity(tiny, tmp_path, seed=1) != training_identity(tiny, tmp_path)
    assert training_identity(changed(tiny, seed=1), tmp_path) != training_identity(tiny, tmp_path)


@pytest.mark.parametrize("field", SETS)
def test_a_training_depends_on_no_set(tiny: Study, tmp_path: Path, mnist: object, field: str) -> None:
    fields = {field: SETS[field], **({"method": "lbfgs"} if field == "c_values" else {})}
    assert training_identity(changed(tiny, sets=fields), tmp_path) == training_identity(tiny, tmp_path)


def test_a_training_depends_on_no_name_no_number_of_seeds_and_no_other_model(
    tiny: Study, tmp_path: Path, mnist: object
) -> None:
    expected = training_identity(tiny, tmp_path)
    first = tiny.model_dump(mode="json")["models"][0]
    for other in (
        changed(tiny, name="another"),
        changed(tiny, seeds=3),
        with_model(tiny, paper="FC"),
        changed(tiny, models=[{**first, "decay": [0.5]}, tiny.model_dump(mode="json")["models"][1]]),
    ):
        assert training_identity(other, tmp_path) == expected


@pytest.mark.parametrize(("field", "depends"), [("shard", True), ("examples", False), ("amplified_to", False)])
def test_a_shard_of_noise_depends_on_its_own_examples(
    tiny: Study, tmp_path: Path, mnist: object, field: str, depends: bool
) -> None:
    other = noise_identity(changed(tiny, sets={field: SETS[field]}), tmp_path)
    assert (other != noise_identity(tiny, tmp_path)) == depends
    assert noise_identity(changed(tiny, seed=1), tmp_path) != noise_identity(tiny, tmp_path)
    assert noise_identity(changed(tiny, training={"iterations": 5}), tmp_path) == noise_identity(tiny, tmp_path)
