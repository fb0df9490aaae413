"""What is done again when a study, a store or a file changes: exactly what depends on it."""

from pathlib import Path

import pytest
import zarr

from blindspots.errors import InputError
from blindspots.jobs.job import Progress
from blindspots.jobs.opening import open_root, workspace_of
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import run_study
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import repair, verify
from blindspots.store import layout
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed
from tests.stores import assert_same_content, decoded

TABLES = {f"tables/{name}": (0,) for name in ("table1", "table2", "negatives", "bounds")}
SOURCES = ("fc10", "fc20-10", "clean", "noise-0.1", "noise-0.1-clipped", "noise-1", "noise-1-clipped")


def pairs(*, sources: tuple[str, ...] = SOURCES, targets: tuple[str, ...] = ("fc10", "fc20-10")) -> dict:
    return {f"transfer/{source}/{target}/seed-0": (0,) for source in sources for target in targets}


def receipts(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in (root / "receipts").rglob("*.json")}


def test_a_plan_lists_every_job_before_anything_runs(tiny: Study, tmp_path: Path, mnist: object) -> None:
    workspace = open_root(tiny, tmp_path / "new").workspace
    plan = make_plan(workspace)
    counts = {stage: len(plan.stage(stage)) for stage in STAGES if plan.stage(stage)}
    assert counts == {"train": 2, "generate": 8, "transfer": 14, "negatives": 2, "bounds": 4, "tables": 4}
    assert set(plan.to_do) == {
        "models/fc10/seed-0",
        "models/fc20-10/seed-0",
        *(f"references/train/{name}" for name in SOURCES[3:]),
    }
    assert len(plan.waiting) == 28
    assert not plan.complete
    assert not (tmp_path / "new").exists()


def test_the_second_run_does_nothing(tiny: Study, root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("c/*") if path.is_file()}
    assert run_study(tiny, root).shards == {}
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_weight_decay_changed(tiny: Study, root: Path) -> None:
    other = tiny.model_dump(mode="json")
    other["models"][0]["decay"] = [2e-2]
    study = changed(tiny, models=other["models"])
    both = (0, 1, 2)
    assert run_study(study, root).shards == {
        "models/fc10/seed-0": (0,),
        "sets/fc10/seed-0/train/nearest": both,
        "sets/fc10/seed-0/train/random": both,
        **pairs(targets=("fc10",)),
        **pairs(sources=("fc10",), targets=("fc20-10",)),
        "negatives/fc10/seed-0": (0,),
        "spectral/fc10/seed-0": (0,),
        "certified/fc10/seed-0": (0,),
        **TABLES,
    }


@pytest.mark.parametrize(("examples", "shards"), [(70, (2, 3)), (45, (2,)), (20, ())])
def test_a_larger_or_smaller_set_keeps_its_whole_shards(
    tiny: Study, root: Path, tmp_path: Path, examples: int, shards: tuple[int, ...]
) -> None:
    study = changed(tiny, sets={"examples": examples})
    ran = run_study(study, root).shards
    sets = {key: done for key, done in ran.items() if key.startswith(("sets/", "references/"))}
    assert sets == (dict.fromkeys(sets, shards) if shards else {})
    assert len(sets) == (8 if shards else 0)
    assert not any(key.startswith("models/") for key in ran)
    if shards != (2,):  # what a smaller set leaves behind is the same in both ways
        run_study(study, tmp_path / "fresh")
        assert_same_content(root, tmp_path / "fresh")
        assert receipts(root) == receipts(tmp_path / "fresh")
    assert run_study(study, root).shards == {}


def test_a_model_more_and_a_model_less(tiny: Study, root: Path) -> None:
    more = [*tiny.model_dump(mode="json")["models"], {"name": "other", "decay": [0.5]}]
    ran = run_study(changed(tiny, models=more), root).shards
    assert set(ran) == {
        "models/other/seed-0",
        "sets/other/seed-0/train/nearest",
        "sets/other/seed-0/train/random",
        *pairs(sources=(*SOURCES, "other"), targets=("other",)),
        *pairs(sources=("other",)),
        "negatives/other/seed-0",
        "spectral/other/seed-0",
        "certified/other/seed-0",
        *TABLES,
    }
    predictions = root / "study.zarr/predictions"
    assert (predictions / "other/seed-0/train/nearest/plain-by-fc10").is_dir()
    assert set(run_study(tiny, root).shards) == set(TABLES)
    assert not [path for path in predictions.rglob("*") if "other" in path.name]  # no receipt speaks of them
    assert (predictions / "fc10/seed-0/train/nearest/plain-by-fc20-10").is_dir()


def test_another_order_of_the_models_redraws_the_tables_alone(tiny: Study, root: Path) -> None:
    assert set(run_study(changed(tiny, models=tiny.model_dump(mode="json")["models"][::-1]), root).shards) == set(
        TABLES
    )


def test_a_name_in_print_redraws_the_tables_alone(tiny: Study, root: Path) -> None:
    models = tiny.model_dump(mode="json")["models"]
    models[0]["paper"] = "another name"
    assert set(run_study(changed(tiny, models=models), root).shards) == set(TABLES)
    group = zarr.open_group(str(root / "study.zarr"), path="sets/fc10/seed-0/train/nearest", mode="r")
    assert group.attrs["paper"] == "another name"


def test_noise_of_another_strength(tiny: Study, root: Path) -> None:
    ran = run_study(changed(tiny, sets={"noise": [0.1, 0.5, 1.0]}), root).shards
    new = ("noise-0.5", "noise-0.5-clipped")
    assert set(ran) == {*(f"references/train/{name}" for name in new), *pairs(sources=new), *TABLES}


def test_another_amplification_shows_the_sets_again_and_makes_none(tiny: Study, root: Path) -> None:
    ran = run_study(changed(tiny, sets={"amplified_to": 0.2}), root).shards
    assert set(ran) - set(TABLES) == set(pairs(sources=("fc10", "fc20-10")))


def test_a_rule_less_leaves_the_nearest_sets_to_be_made_as_they_would_be_alone(tiny: Study, root: Path) -> None:
    """They may hold what the other rule's sets had nearer; what is stored is a function of the study."""
    workspace = open_root(changed(tiny, sets={"rules": ["nearest"]}), root).workspace
    again = {f"sets/{model}/seed-0/train/nearest": (0, 1, 2) for model in ("fc10", "fc20-10")}
    assert {key: shards for key, shards in make_plan(workspace).to_do.items() if key.startswith("sets/")} == again
    few = open_root(changed(tiny, sets={"targeted_examples": 20}), root).workspace
    to_do = make_plan(few).to_do
    assert {key: shards for key, shards in to_do.items() if key.startswith("sets/")} == dict.fromkeys(again, (1, 2))


def test_the_test_split_beside_the_training_split(tiny: Study, root: Path) -> None:
    ran = run_study(changed(tiny, sets={"splits": ["train", "test"]}), root).shards
    assert not any(key.startswith("models/") or "/train/" in key for key in ran)
    assert {key for key in ran if key.startswith("sets/")} == {
        f"sets/{model}/seed-0/test/{rule}" for model in ("fc10", "fc20-10") for rule in ("nearest", "random")
    }


def test_two_seeds_train_two_models_a_network(tiny: Study, root: Path) -> None:
    study = changed(tiny, seeds=2)
    ran = run_study(study, root).shards
    assert not any("seed-0" in key for key in ran if not key.startswith("transfer/"))
    arrays = decoded(root)
    one, other = (arrays[f"models/fc20-10/seed-{seed}.safetensors:layers.1.weight"] for seed in (0, 1))
    assert (one != other).mean() > 0.9
    rates = arrays["transfer/n"][:2, :, :, 0, 1:, 0]
    assert (rates == 50).all()


def test_a_file_of_weights_that_is_lost_is_made_again_and_nothing_else(
    tiny: Study, root: Path, tiny_root: Path
) -> None:
    (root / layout.weights("fc10", 0)).unlink()
    assert set(run_study(tiny, root).shards) == {"models/fc10/seed-0"}
    assert_same_content(root, tiny_root)


@pytest.mark.parametrize(
    ("file", "damage", "shards"),
    [
        ("sets/fc10/seed-0/train/random/perturbation/c/1/0/0/0", "flip", {"sets/fc10/seed-0/train/random": (1,)}),
        ("sets/fc10/seed-0/train/random/perturbation/c/1/0/0/0", "cut", {"sets/fc10/seed-0/train/random": (1,)}),
        ("sets/fc20-10/seed-0/train/nearest/label/c/2", "lose", {"sets/fc20-10/seed-0/train/nearest": (2,)}),
        ("references/train/noise-0.1/distortion/c/0", "lose", {"references/train/noise-0.1": (0,)}),
        ("training/fc10/seed-0/loss/c/0", "cut", {"models/fc10/seed-0": (0,)}),
        ("transfer/misread/c/0/1/0/0/0/0", "flip", {"transfer/fc10/fc20-10/seed-0": (0,)}),
        ("tables/table2/rate/c/0/0/0", "lose", {"tables/table2": (0,)}),
    ],
)
def test_damage_is_mended_and_nothing_else_is_touched(
    tiny: Study, root: Path, tiny_root: Path, file: str, damage: str, shards: dict
) -> None:
    path = root / "study.zarr" / file
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 16
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[:-3])
    else:
        path.unlink()
    if damage == "flip":  # of the same size: whoever reads it meets it, and verify
        workspace = workspace_of(root)
        repair(workspace, verify(workspace))
    assert run_study(tiny, root).shards == shards
    assert_same_content(root, tiny_root)


def test_a_run_that_is_stopped_goes_on_with_what_is_left(tiny: Study, tmp_path: Path, tiny_root: Path) -> None:
    """Stopped at every kind of job in turn: at last the store is that of a run that was not."""
    stops = [
        "models/fc20-10",
        "sets/fc10/seed-0/train/random",
        "references/train/noise-1",
        "transfer/fc20-10",
        "tables",
    ]
    done: list[str] = []
    for stop in stops:

        def watch(progress: Progress, stop: str = stop) -> None:
            if progress.job.startswith(stop):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_study(tiny, tmp_path / "root", on_progress=watch)
        there = receipts(tmp_path / "root")
        assert there >= set(done)
        done = sorted(there)
    run_study(tiny, tmp_path / "root")
    assert_same_content(tmp_path / "root", tiny_root)
    assert not list((tmp_path / "root").rglob("*.checkpoint.safetensors"))


def test_more_images_than_there_are_is_refused(tiny: Study, tmp_path: Path, mnist: object) -> None:
    with pytest.raises(InputError, match="70000 images are asked for, but the split train of mnist has 60000"):
        run_study(changed(tiny, training={"images": 70_000}), tmp_path / "root")
    with pytest.raises(InputError, match="10001 images are asked for, but the split test"):
        run_study(changed(tiny, sets={"examples": 10_001, "splits": ["test"]}), tmp_path / "root")
    with pytest.raises(InputError, match="the device 'tpu' is unknown; it is cpu, cuda or auto"):
        run_study(tiny, tmp_path / "root", device="tpu")
    assert not (tmp_path / "root").exists()
