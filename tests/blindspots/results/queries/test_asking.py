"""Every answer beside a slow, plain computation, image by image."""

import math
import shutil
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.results import QUESTIONS, ask
from blindspots.results.queries.distances import _quantile
from blindspots.results.results import Results
from blindspots.tables.answers import render_answer
from tests.blindspots.results.queries.conftest import CLASSES, MODELS, N, study
from tests.held import Held


def images(held: Held, source: str, rule: str = "nearest") -> list[dict[str, Any]]:
    """The images of a set, one by one, with what each model reads in each."""
    noise = source.startswith("noise")
    group = f"references/train/{source}" if noise else f"sets/{source}/seed-0/train/{rule}"
    found = held.group(group)
    read = held.group(f"predictions/{source}/seed-0/train/{'none' if noise else rule}")
    rows = []
    for at in range(N):
        row = {str(name): found[name].values[at].item() for name in found.variables}
        rows.append({**row, "read": {model: int(read[f"plain-by-{model}"].values[at]) for model in MODELS}})
    return rows


def fooled(row: dict[str, Any], readers: tuple[str, ...] = MODELS) -> int:
    return sum(row["read"][reader] != row["label"] for reader in readers)


def is_share(answer: xr.Dataset, name: str, at: dict[str, Any], count: int, n: int) -> None:
    """Assert that a cell is a share with Wilson's interval."""
    cell = answer.sel(at)
    low, high = wilson(count, n)
    wanted = (count / n if n else math.nan, low, high)
    found = tuple(float(cell[each]) for each in (name, f"{name}_low", f"{name}_high"))
    assert found == pytest.approx(wanted, nan_ok=True), at


def rows(answer: xr.Dataset, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(answer[name].values.tolist() for name in names), strict=True))


@pytest.mark.parametrize("least", [None, 2])
def test_images_that_fool(held: Held, least: int | None) -> None:
    answer = ask(held, "fools", least=least, limit=5)
    wanted = []
    for source in MODELS:
        found = [row for row in images(held, source) if fooled(row) >= (least or 3)]
        found.sort(key=lambda row: (-fooled(row), row["distortion"], row["example"]))
        wanted += [(source, row["example"], row["label"], row["distortion"], fooled(row)) for row in found[:5]]
        first = next(at for at, model in enumerate(answer.model.values) if model == source)
        is_share(answer, "share", {"image": first + 1}, len(found), N)
    assert rows(answer, "model", "example", "label", "distortion", "fooled") == wanted
    assert answer.sizes["image"] == 15


def test_nobody_is_fooled(tree: xr.DataTree) -> None:
    label = tree["sets/one/seed-0/train/nearest"].to_dataset().label
    read = {f"plain-by-{model}": label.astype(np.int8) for model in MODELS}
    tree["predictions/one/seed-0/train/nearest"] = xr.DataTree(xr.Dataset(read))
    answer = ask(Held(tree, study()), "fools", models="one")
    assert answer.sizes["image"] == 0
    assert "one: 0 of 43 images, a share in [0, 0.082]" in answer.attrs["note"]
    assert render_answer(answer, "text").startswith("Images that fool every model")
    assert render_answer(answer, "csv").startswith("image,model,example")


def test_images_that_fool_others_among_some_classes(held: Held) -> None:
    answer = ask(held, "fools", models="one", readers=["two", "three"], classes=[1, "2"], rule="random")
    again = ask(held, "fools", models="one", readers=["two", "three", "two"], classes=[1, "2", 2], rule="random")
    assert answer.equals(again)  # whoever is named twice is one
    found = [row for row in images(held, "one", "random") if row["label"] in (1, 2)]
    both = [row for row in found if fooled(row, ("two", "three")) == 2]
    assert set(answer.example.values.tolist()) == {row["example"] for row in both}
    assert both
    is_share(answer, "share", {"image": 1}, len(both), len(found))


@pytest.mark.parametrize("source", ["one", "noise-0.1"])
def test_how_many_models_an_image_fools(held: Held, source: str) -> None:
    answer = ask(held, "how-many", models=source, classes=3)
    assert ("rule nearest" in str(answer.attrs), "rule" in str(answer.attrs)) == (source == "one",) * 2
    found = [fooled(row) for row in images(held, source) if row["label"] == 3]
    for number in range(4):
        at = {"model": source, "fooled": number}
        is_share(answer, "share", at, found.count(number), len(found))
        is_share(answer, "at_least", at, sum(each >= number for each in found), len(found))


def test_transfer_by_class(held: Held) -> None:
    answer = ask(held, "by-class", models=["two", "noise-0.1"])
    for source in ("two", "noise-0.1"):
        for reader in MODELS:
            for label in range(CLASSES):
                of_class = [row for row in images(held, source) if row["label"] == label]
                wrong = sum(row["read"][reader] != label for row in of_class)
                is_share(answer, "misread", {"model": source, "reader": reader, "label": label}, wrong, len(of_class))


def test_transfer_by_target(held: Held) -> None:
    answer = ask(held, "by-target", rule="random", classes=[0, 2])
    for source in MODELS:
        kept = [row for row in images(held, source, "random") if row["label"] in (0, 2)]
        for reader in MODELS:
            for target in range(CLASSES):
                aimed = [row for row in kept if row["target"] == target]
                hit = sum(row["read"][reader] == target for row in aimed)
                is_share(answer, "as_target", {"model": source, "reader": reader, "target": target}, hit, len(aimed))


@pytest.mark.parametrize("reader", [None, "three"])
def test_what_is_read_as_what(held: Held, reader: str | None) -> None:
    answer = ask(held, "read-as", readers=reader)
    for source in MODELS:
        for label in range(CLASSES):
            of_class = [row["read"][reader or source] for row in images(held, source) if row["label"] == label]
            for read in range(CLASSES):
                at = {"model": source, "label": label, "read": read}
                is_share(answer, "share", at, of_class.count(read), len(of_class))


def test_agreement(held: Held) -> None:
    answer = ask(held, "agreement", models="three")
    pairs = list(combinations(MODELS, 2))
    assert rows(answer, "first", "second") == pairs
    for number, pair in enumerate(pairs, 1):
        wrong = [{row["example"] for row in images(held, "three") if fooled(row, (reader,))} for reader in pair]
        both, either = len(wrong[0] & wrong[1]), len(wrong[0] | wrong[1])
        is_share(answer, "both", {"model": "three", "pair": number}, both, N)
        is_share(answer, "overlap", {"model": "three", "pair": number}, both, either)
        chance = float(answer.by_chance.sel(model="three", pair=number))
        assert chance == pytest.approx(len(wrong[0]) / N * len(wrong[1]) / N)


def test_quantiles_by_class(held: Held) -> None:
    answer = ask(held, "distortions", quantiles=[0.5, 0.9])
    for source in MODELS:
        for label in ("all", *map(str, range(CLASSES))):
            values = sorted(
                row["distortion"] if row["success"] else math.inf
                for row in images(held, source)
                if row["clean_predicted"] == row["label"] and label in ("all", str(row["label"]))
            )
            for quantile in (0.5, 0.9):
                cell = answer.sel(model=source, label=label, quantile=quantile)
                assert int(cell.n) == len(values)
                below = sum(value <= float(cell.distortion) for value in values)
                under = sum(value < float(cell.distortion) for value in values)
                assert under < quantile * len(values) <= below + 1e-9
                assert float(cell.distortion_low) <= float(cell.distortion) <= float(cell.distortion_high)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_interval_of_a_quantile_covers_it_as_often_as_it_says(held: Held, share: float) -> None:
    from blindspots.results.queries.distances import _quantile

    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        _, low, high = _quantile(np.sort(draw.random(60)), share)
        covered += low <= share <= high  # the quantile of what is uniform
    assert covered / 1000 >= 0.94


@pytest.mark.parametrize(("share", "rank"), [(0.07, 7), (0.55, 55), (0.5, 50), (0.075, 8), (0.999, 100)])
def test_a_quantile_of_a_round_share_is_of_the_rank_that_it_names(share: float, rank: int) -> None:
    assert _quantile(np.arange(1, 101), share)[0] == rank


def test_the_band_of_what_is_misread_within_a_distortion(held: Held) -> None:
    answer = ask(held, "robustness", at=[0.0, 0.05, 0.1])
    for source in MODELS:
        found = images(held, source)
        for within in (0.0, 0.05, 0.1):
            certain = [row["success"] and row["distortion"] <= within for row in found]
            possible = [
                sure or max(0 if math.isnan(each) else each for each in (row["lower_bound"], row["exact"])) <= within
                for sure, row in zip(certain, found, strict=True)
            ]
            is_share(answer, "found", {"model": source, "within": within}, sum(certain), N)
            is_share(answer, "possible", {"model": source, "within": within}, sum(possible), N)
    assert (answer.found <= answer.possible).all()
    assert (answer.found < answer.possible).any()
    assert "nearby" not in answer


def test_what_is_proved_nearby_narrows_the_band(tree: xr.DataTree) -> None:
    """Of ten images of one model all is proved that was found; of one of them, which it misreads, nothing."""
    rows = images(Held(tree, study()), "two")[:10]
    read = [row["clean_predicted"] == row["label"] for row in rows]
    values = {
        "example": [row["example"] for row in rows],
        "certified": [row["distortion"] * sure for row, sure in zip(rows, read, strict=True)],
        "read": read,
    }
    arrays = {name: ("example", each) for name, each in values.items()}
    tree["certified/two/seed-0"] = xr.DataTree(xr.Dataset(arrays, attrs={"method": "local", "split": "train"}))
    before = ask(Held(tree, study(bounds={"certified": 0})), "robustness", at=[0.05, 0.1])
    answer = ask(Held(tree, study()), "robustness", at=[0.05, 0.1])
    assert (answer.possible <= before.possible).all()
    assert (answer.possible < before.possible).sel(model="two").any()
    assert (answer.found == before.found).all()
    for within in (0.05, 0.1):
        least = [row["distortion"] if sure else 0.0 for row, sure in zip(rows, read, strict=True)]
        is_share(answer, "nearby", {"model": "two", "within": within}, sum(each <= within for each in least), 10)
    assert answer.nearby_n.sel(model="one").values.tolist() == [0, 0]


@pytest.mark.parametrize(("question", "sign"), [("hardest", -1), ("easiest", 1)])
def test_extremes(held: Held, question: str, sign: int) -> None:
    answer = ask(held, question, limit=4)
    wanted = []
    for source in MODELS:
        found = [row for row in images(held, source) if row["success"] and row["clean_predicted"] == row["label"]]
        found.sort(key=lambda row: sign * row["distortion"])
        wanted += [(source, row["example"], row["label"], row["predicted"], row["distortion"]) for row in found[:4]]
    assert rows(answer, "model", "example", "label", "predicted", "distortion") == wanted
    assert (answer.distortion_low <= answer.distortion).all()
    one = answer.model.values == "one"
    assert answer.distortion_low.values[one] == pytest.approx(0.99 * answer.distortion.values[one])


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_answer_says_what_it_is(held: Held, question: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = ask(held, question)
    assert answer.attrs["question"] == question
    assert answer.attrs["title"]
    for array in answer.data_vars.values():
        assert array.attrs["long_name"]
        assert array.attrs["units"]
    assert any(str(name).endswith("_low") for name in answer.data_vars)


@pytest.mark.parametrize(
    ("question", "asked", "said"),
    [
        ("who", {}, "there is no question who; there are fools, how-many"),
        ("fools", {"models": "four"}, "no model is called 'four' in the study held; there are one, two, three, clean"),
        ("fools", {"readers": "four"}, "no model is called 'four'"),
        ("fools", {"split": "test"}, "the study held has no sets of the split 'test'; there are train"),
        ("fools", {"models": "one", "split": "test"}, "no sets of one of the split 'test'; there is train"),
        ("fools", {"rule": "second"}, "no sets of the rule 'second'; there are nearest, random"),
        ("fools", {"seed": 1}, "seed 1: the study held has the seeds 0 to 0"),
        ("fools", {"classes": "ten"}, "no class is called 'ten'; there are 10"),
        ("fools", {"classes": 10}, "no class is called '10'"),
        ("fools", {"least": 4}, "least = 4: there are 3 models"),
        ("fools", {"least": 0}, "least = 0: 1 or more"),
        ("fools", {"limit": 0}, "limit = 0: 1 or more"),
        ("fools", {"at": 0.1}, "the question fools takes no at; it takes models"),
        ("fools", {"variant": "amplified"}, "the store lacks what one reads in sets/one/seed-0/train/nearest (amplif"),
        ("fools", {"models": "noise-0.1", "rule": "random"}, "noise-0.1 has no rule"),
        ("hardest", {"models": "noise-0.1"}, "noise-0.1 has no least distortions"),
        ("distortions", {"quantiles": 1.0}, "quantile 1: a number between 0 and 1"),
        ("robustness", {"at": -0.1}, "a distortion of -0.1: a number from 0 to 1"),
        ("agreement", {"readers": "one"}, "one alone agrees with nobody"),
        ("read-as", {"readers": ["one", "two"]}, "readers one, two: one at most"),
    ],
)
def test_what_cannot_be_asked(held: Held, question: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        ask(held, question, **asked)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_studies_without_such_sets(tree: xr.DataTree) -> None:
    with pytest.raises(InputError, match="has no adversarial sets"):
        ask(Held(tree, study(sets={"rules": []})), "fools")
    with pytest.raises(InputError, match="has no nearest sets"):
        ask(Held(tree, study(sets={"rules": ["random"]})), "robustness")


def test_the_images_as_they_are(tiny_root: Path) -> None:
    """Of a real store: errors and agreement are those that the run counted."""
    with Results(tiny_root) as results:
        answer = ask(results, "by-class", models="clean", split="train")
        transfer = results.group("transfer").sel(source="clean", seed=0, split="train", rule="none", variant="plain")
        for reader in ("fc10", "fc20-10"):
            assert int(answer.images.sel(reader=reader).sum()) == int(transfer.misread.sel(target=reader))
            assert int(answer.n.sel(reader=reader).sum()) == 500
        both = ask(results, "agreement", models="clean")
        assert int(both.n.item()) == 10_000
        assert ask(results, "fools", models="clean", split="train").attrs["title"]


def test_a_file_that_is_lost_or_damaged_is_said(root: Path) -> None:
    """Zarr reads a missing chunk as zeros: answers would come out wrong in silence."""
    label = root / "study.zarr/sets/fc10/seed-0/train/nearest/label/c/1"
    content = label.read_bytes()
    label.unlink()
    with (
        Results(root) as results,
        pytest.raises(InputError, match=r"nearest/label in the store are missing; blind.*repair"),
    ):
        ask(results, "fools")
    label.write_bytes(content[:-3] + b"abc")
    with Results(root) as results, pytest.raises(InputError, match=r"cannot be read out of the store"):
        ask(results, "fools")


def test_a_store_of_before_lacks_what_was_read(root: Path) -> None:
    shutil.rmtree(root / "study.zarr/predictions")
    with Results(root) as results:
        with pytest.raises(
            InputError, match=r"what fc10 reads in sets/fc10.*a version before left that out: blindspots run"
        ):
            ask(results, "fools")
        assert ask(results, "hardest").sizes["image"] > 0
