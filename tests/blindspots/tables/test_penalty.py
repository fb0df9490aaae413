"""The table of penalties out of a store written by hand, its intervals, and what it says of them."""

from itertools import product
from math import sqrt
from zlib import crc32

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from blindspots.tables.penalty import SHOWN, paired_difference, penalty_table
from blindspots.tables.sheets.penalty import findings, penalty_sheets
from tests.held import Held

CONTENT = {
    "name": "by-hand",
    "models": [
        {"name": "strong", "hidden": [9], "decay": [0, 0], "penalty": 0.1},
        {"name": "free", "paper": "FC9-10", "hidden": [9], "decay": [0, 0]},
        {"name": "alone", "hidden": [9], "decay": [0, 1]},
        {"name": "weak", "hidden": [9], "decay": [0, 0], "penalty": 0.001, "examples": 4},
        {"name": "c-free", "network": "convolutional", "channels": [2], "decay": [0, 0]},
        {"name": "c-weak", "network": "convolutional", "channels": [2], "decay": [0, 0], "penalty": 0.001},
    ],
    "sets": {"splits": ["test"], "rules": ["nearest"]},
    "seeds": 3,
}
ORDER = ("free", "weak", "strong", "c-free", "c-weak")
"""The families one after the other, the weakest first; alone has none."""
MODELS = ("strong", "free", "alone", "weak", "c-free", "c-weak")
N, SET = 2000, 6
DIMS = ("source", "target", "seed", "split", "rule", "variant")
SPLITS, RULES, VARIANTS = ("train", "test"), ("none", "nearest", "random"), ("plain", "amplified", "amplified-clipped")


@pytest.fixture
def study() -> Study:
    return validate_study(CONTENT)


def misread(source: str, target: str, seed: int, split: str, rule: str, variant: str) -> int:
    """A count of its own for every cell, also for those that must not be read."""
    return crc32(f"{source}/{target}/{seed}/{split}/{rule}/{variant}".encode()) % 200


def bound(model: str, seed: int) -> float:
    return 10.0 * (1 + MODELS.index(model)) + seed


def images(model: str) -> int:
    return 4 if model == "weak" else SET


def wrong(model: str, seed: int) -> np.ndarray:
    """Which images of its set a model misreads from the start: never the first."""
    return np.array([(MODELS.index(model) + image + seed) % 3 == 0 and image > 0 for image in range(images(model))])


def made(model: str, seed: int) -> xr.Dataset:
    n = images(model)
    labels = np.full(n, 3, np.int16)
    return xr.Dataset(
        {
            "distortion": ("example", np.where(wrong(model, seed), 9, 0.02 * (1 + MODELS.index(model)) + 0.001 * seed)),
            "label": ("example", labels),
            "clean_predicted": ("example", np.where(wrong(model, seed), 5, labels).astype(np.int16)),
            "success": ("example", np.ones(n, bool)),
            "survives_eight_bits": ("example", np.ones(n, bool)),
            "exact": ("example", np.full(n, np.nan)),
            "lower_bound": ("example", np.full(n, np.nan if model.startswith("c") else 0.01)),
        },
        coords={"example": 10 * np.arange(n)},
    )


@pytest.fixture
def tree() -> xr.DataTree:
    return store()


def store() -> xr.DataTree:
    coordinates = ((*MODELS, "clean"), MODELS, range(3), SPLITS, RULES, VARIANTS)
    shape = tuple(map(len, coordinates))
    counts = np.array([misread(*cell) for cell in product(*coordinates)]).reshape(shape)  # type: ignore[call-arg]
    names = dict.fromkeys(("misread", "as_target", "clean_misread"), (DIMS, counts))
    groups = {
        "transfer": xr.Dataset(
            {**names, "n": (DIMS, np.full(shape, N)), "distortion": (DIMS, np.full(shape, 0.05))},
            dict(zip(DIMS, map(list, coordinates), strict=True)),
        )
    }
    for model, seed in product(MODELS, range(3)):
        groups[f"sets/{model}/seed-{seed}/test/nearest"] = made(model, seed)
        groups[f"spectral/{model}/seed-{seed}"] = xr.Dataset(
            {"running": ("layer", [1.0, bound(model, seed) / 2])}, attrs={"product": bound(model, seed)}
        )
    return xr.DataTree.from_dict(groups)


def clean(model: str) -> np.ndarray:
    return np.array([misread("clean", model, seed, "test", "none", "plain") / N for seed in range(3)])


def test_families_are_of_one_network_the_weakest_penalty_first(study: Study, tree: xr.DataTree) -> None:
    assert [[spec.name for spec in family] for family in study.families] == [list(ORDER[:3]), list(ORDER[3:])]
    table = penalty_table(Held(tree, study))
    assert tuple(table.model.values) == ORDER
    assert table.family.values.tolist() == ["FC9-10"] * 3 + ["c-free"] * 2
    assert table.penalty.values.tolist() == [0, 0.001, 0.1, 0, 0.001]


def test_errors_bounds_and_distortions_are_means_over_seeds(study: Study, tree: xr.DataTree) -> None:
    table = penalty_table(Held(tree, study))
    for model in ORDER:
        row = table.sel(model=model)
        assert float(row.test_error) == pytest.approx(clean(model).mean())
        assert (float(row.test_error_low), float(row.test_error_high)) == pytest.approx(
            wilson(clean(model).mean() * N, N)
        )
        assert float(row.test_error_spread) == pytest.approx(clean(model).std(ddof=1))
        trained = [misread("clean", model, seed, "train", "none", "plain") / N for seed in range(3)]
        assert float(row.training_error) == pytest.approx(np.mean(trained))
        assert float(row["product"]) == pytest.approx(bound(model, 1))
        assert (float(row.product_least), float(row.product_most)) == (bound(model, 0), bound(model, 2))
        assert float(row.distortion) == pytest.approx(0.02 * (1 + MODELS.index(model)) + 0.001)
        assert float(row.lower_bound) == pytest.approx(np.nan if model.startswith("c") else 0.01, nan_ok=True)
        assert int(row.test_error_n) == N


def test_differences_are_taken_in_pairs(study: Study, tree: xr.DataTree) -> None:
    table = penalty_table(Held(tree, study))
    assert np.isnan(table.difference.sel(model=["free", "c-free"])).all()
    for model, first, strengths in (("weak", "free", 2), ("strong", "free", 2), ("c-weak", "c-free", 1)):
        row, n = table.sel(model=model), min(images(model), images(first))
        per_image = np.array(
            [wrong(model, seed)[:n].astype(float) - wrong(first, seed)[:n].astype(float) for seed in range(3)]
        ).T
        expected = paired_difference(clean(model) - clean(first), per_image, N, strengths=strengths)
        assert float(row.difference) == pytest.approx((clean(model) - clean(first)).mean())
        assert (float(row.difference_low), float(row.difference_high)) == pytest.approx((expected.low, expected.high))
        assert int(row.verdict) == expected.verdict


def test_who_misreads_whose_set(study: Study, tree: xr.DataTree) -> None:
    table = penalty_table(Held(tree, study))
    pairs = {
        "to first": [("strong", "free")],
        "from first": [("free", "strong")],
        "to others": [("strong", "free"), ("strong", "weak")],
        "from others": [("free", "strong"), ("weak", "strong")],
    }
    assert tuple(pairs) == SHOWN
    for (shown, shows), variant in product(pairs.items(), ("plain", "amplified")):
        cell = table.sel(model="strong", shown=shown, variant=variant)
        rates = [misread(*pair, seed, "test", "nearest", variant) / N for pair in shows for seed in range(3)]
        assert float(cell["rate"]) == pytest.approx(np.mean(rates))
        assert (float(cell.low), float(cell.high)) == pytest.approx(wilson(np.mean(rates) * N, N))
        assert int(cell.n) == N
    assert (table.n.sel(model=["free", "c-free"], shown=["to first", "from first"]) == 0).all()


def test_sets_that_are_not_amplified_are_left_out(tree: xr.DataTree) -> None:
    content = {**CONTENT, "sets": {**CONTENT["sets"], "amplified_splits": ["train"]}}  # type: ignore[dict-item]
    table = penalty_table(Held(tree, validate_study(content)))
    assert np.isnan(table["rate"].sel(variant="amplified")).all()
    assert int(table.n.sel(variant="amplified").sum()) == 0
    assert len(penalty_sheets(table)[1].rows) == len(ORDER)


def test_the_interval_of_a_difference_is_students_and_the_normals() -> None:
    per_seed = np.array([-0.003, -0.001, -0.002])
    per_image = np.array([[1, 0, 1], [0, 0, -1], [0, 0, 0], [-1, -1, -1]], float)
    found = paired_difference(per_seed, per_image, 10_000, strengths=1)
    assert found.mean == pytest.approx(-0.002)
    assert found.seeds == pytest.approx(0.001 / sqrt(3))
    assert found.images == pytest.approx(np.std([2 / 3, -1 / 3, 0, -1], ddof=1) / 100)
    half = sqrt((4.302653 * found.seeds) ** 2 + (1.959964 * found.images) ** 2)
    assert (found.low, found.high) == pytest.approx((-0.002 - half, -0.002 + half))
    several = paired_difference(per_seed, per_image, 10_000, strengths=5)  # 99% each
    half = sqrt((9.924843 * found.seeds) ** 2 + (2.575829 * found.images) ** 2)
    assert (several.low, several.high) == pytest.approx((-0.002 - half, -0.002 + half))
    one = paired_difference(per_seed[:1], per_image[:, :1], 10_000, strengths=1)
    assert np.isnan(one.seeds)
    assert one.high - one.mean == pytest.approx(1.959964 * np.std([1, 0, 0, -1], ddof=1) / 100)


def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    """Three strengths that do nothing, images and seeds at random: at most 5% of the families see a difference."""
    random = np.random.default_rng(0)
    spared = 0
    for _ in range(300):
        hard = random.beta(0.1, 2, (400, 1))  # images differ in how hard they are, trainings in how good
        wrong = [random.random((400, 4)) < hard * np.exp(each) for each in random.normal(0, 0.3, (3, 4))]
        verdicts = [
            paired_difference(each.mean(0) - wrong[0].mean(0), each * 1.0 - wrong[0], 400, strengths=2).verdict
            for each in wrong[1:]
        ]
        spared += not any(verdicts)
    assert spared >= 0.94 * 300


def test_a_difference_that_is_there_is_seen() -> None:
    random = np.random.default_rng(0)
    before, after = (random.random((10_000, 5)) < rate for rate in (0.03, 0.02))
    for one, other, verdict in ((after, before, -1), (before, after, 1)):
        found = paired_difference(one.mean(0) - other.mean(0), one * 1.0 - other, 10_000, strengths=3)
        assert found.verdict == verdict


def said(table: xr.Dataset, **verdicts: int) -> str:
    changed = table.copy(deep=True)
    for model, verdict in verdicts.items():
        changed["verdict"].loc[model.replace("_", "-")] = verdict
    return "\n".join(findings(changed))


def test_the_paragraph_says_what_the_numbers_do(study: Study, tree: xr.DataTree) -> None:
    table = penalty_table(Held(tree, study))
    neither = said(table, weak=0, strong=0, c_weak=0)
    assert "FC9-10: the penalty is shown neither to lower nor to raise the test error." in neither
    assert "FC9-10: the penalty lowers the test error at 0.001." in said(table, weak=-1, strong=0)
    assert "FC9-10: the penalty lowers the test error at 0.001 and 0.1." in said(table, weak=-1, strong=-1)
    assert "lowers the test error at 0.001 and raises it at 0.1." in said(table, weak=-1, strong=1)
    assert "raises the test error at 0.1 and is not shown to lower it." in said(table, weak=0, strong=1)
    best = min(("weak", "strong"), key=lambda model: clean(model).mean())
    assert f"The least of the penalised errors is {100 * clean(best).mean():.2f} [" in neither
    assert "From 0 to 0.1 the bound goes from 21 to 11, 0.52 times as large, and the mean" in neither
    assert "least distortion from 0.0410 to 0.0210, 0.51 times." in neither


def test_the_blocks_for_reading(study: Study, tree: xr.DataTree) -> None:
    models, transfer = penalty_sheets(penalty_table(Held(tree, study)))
    assert [row[:2] for row in models.rows] == [
        ("FC9-10", "0"),
        ("FC9-10", "0.001"),
        ("FC9-10", "0.1"),
        ("c-free", "0"),
        ("c-free", "0.001"),
    ]
    assert all(len(row) == len(models.columns) for row in models.rows)
    assert all(len(row) == len(transfer.columns) for row in transfer.rows)
    assert models.rows[2][5] == "11 [10, 12]"
    assert models.rows[0][4] == ""
    assert models.rows[1][4].startswith(f"{100 * (clean('weak') - clean('free')).mean():+.2f} [")
    assert transfer.rows[1][0] == "  all at 0.1"
    assert transfer.rows[0][2:4] == ("", "")
    assert "Means over 3 seeds" in models.notes[0]
    assert models.notes[1:] == findings(penalty_table(Held(tree, study)))


def test_one_seed_has_no_spread_over_seeds(tree: xr.DataTree) -> None:
    table = penalty_table(Held(tree, validate_study({**CONTENT, "seeds": 1})))
    assert np.isnan(table.difference_seeds).all()
    assert np.isfinite(table.difference_low.sel(model=["weak", "strong", "c-weak"])).all()
    models = penalty_sheets(table)[0]
    assert "speaks of these models, not of how they were trained" in models.notes[0]
    assert models.rows[2][5] == "10"
    assert "±" not in "".join(models.rows[2])


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("spectral/weak/seed-1", "the store lacks spectral/weak/seed-1; finish it with: blindspots run"),
        ("sets/strong/seed-2/test/nearest", "the store lacks sets/strong/seed-2/test/nearest"),
    ],
)
def test_what_is_missing_is_named(tree: xr.DataTree, study: Study, missing: str, said: str) -> None:
    parent, _, name = missing.rpartition("/")
    del tree[parent][name]
    with pytest.raises(InputError) as error:
        penalty_table(Held(tree, study))
    assert said in str(error.value)


def test_bounds_without_a_product_are_refused(tree: xr.DataTree, study: Study) -> None:
    del tree["spectral/free/seed-0"].attrs["product"]
    with pytest.raises(InputError, match="spectral/free/seed-0 has no product of its layers' bounds"):
        penalty_table(Held(tree, study))


def test_certificates_fill_what_the_layers_leave_open(study: Study, tree: xr.DataTree) -> None:
    for seed in range(3):
        values = {"example": [0, 10], "found": [0.1, 0.2], "certified": [0.05, 0.05], "read": [True, seed != 2]}
        arrays = {name: ("example", each) for name, each in values.items()}
        tree[f"certified/c-free/seed-{seed}"] = xr.DataTree(xr.Dataset(arrays, attrs={"method": "relaxation"}))
    table = penalty_table(Held(tree, study))
    row = table.sel(model="c-free")
    assert float(row.bracket) == pytest.approx((0.375 + 0.375 + 0.5) / 3)
    assert (float(row.certified), int(row.certified_n)) == (pytest.approx(0.05), 1)
    sheet = penalty_sheets(table)[0]
    cells = [line[sheet.columns.index("certified")] for line in sheet.rows]
    assert cells == ["0.01000", "0.01000", "0.01000", "0.0500 (41.67%)", ""]
    assert "near 1 of these images" in sheet.notes[0]
