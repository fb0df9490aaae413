import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.study.study import Study
from blindspots.tables import draw_table
from blindspots.tables.transfer_tables import VARIANTS
from tests.blindspots.tables.conftest import (
    NOISE,
    ON_ALL,
    ON_HALVES,
    N,
    as_shown,
    as_target,
    changed,
    clean,
    misread,
    noise_distortion,
    put,
    size,
    stored,
)
from tests.held import Held

MODELS = {2: ON_ALL, 4: ON_HALVES}
SPLIT = {2: "train", 4: "test"}


def cells(number: int, table: xr.Dataset) -> list[tuple[xr.Dataset, tuple[str, str, str, str, int, str]]]:
    """Every cell that a table has, and how the store calls it (the seed is 0)."""
    found = []
    for rule in ("nearest", "random"):
        for source in (*MODELS[number], *NOISE):
            for variant in VARIANTS[: 4 if number == 4 and source not in NOISE else 1]:
                for target in MODELS[number]:
                    place = {"rule": rule, "source": source, "target": target}
                    cell = table.sel(place | ({"variant": variant} if number == 4 else {}))
                    used = "none" if source in NOISE else rule
                    found.append((cell, (source, target, SPLIT[number], used, 0, variant)))
    return found


@pytest.mark.parametrize("number", [2, 4])
def test_every_cell_is_its_own_pair_split_rule_and_variant(tree: xr.DataTree, study: Study, number: int) -> None:
    table = draw_table(number, Held(tree, study))
    assert table.rate.dims == ("rule", *(("variant",) if number == 4 else ()), "source", "target")
    assert tuple(table.source.values) == (*MODELS[number], *NOISE)
    assert tuple(table.target.values) == MODELS[number]
    found = cells(number, table)
    assert len(found) == {2: 2 * 7 * 3, 4: 2 * (4 * 3 + 4) * 3}[number] == int((table.n > 0).sum())
    for cell, place in found:
        rule, count = place[3], misread(*place)
        assert (float(cell.misread), int(cell.n)) == (count, N[rule])
        assert float(cell.rate) == count / N[rule]
        assert (float(cell.low), float(cell.high)) == wilson(count, N[rule])
        assert float(cell.clean) == clean(*place) / N[rule]
        assert (float(cell.clean_low), float(cell.clean_high)) == wilson(clean(*place), N[rule])
        assert np.isnan(cell.spread)


@pytest.mark.parametrize("number", [2, 4])
def test_how_often_the_target_class_is_read_stands_beside(tree: xr.DataTree, study: Study, number: int) -> None:
    for cell, place in cells(number, draw_table(number, Held(tree, study))):
        if place[0] in NOISE:  # it has no target
            assert np.isnan(cell.as_target)
            assert np.isnan(cell.as_target_rate)
        else:
            count = as_target(*place)
            assert float(cell.as_target) == count
            assert float(cell.as_target_rate) == count / N[place[3]]
            assert (float(cell.as_target_low), float(cell.as_target_high)) == wilson(count, N[place[3]])


def test_rates_are_over_all_images_also_those_misread_from_the_start(tree: xr.DataTree, study: Study) -> None:
    """300 of 1500 misread, 100 of them from the start: 20%, neither 200 of 1500 nor 200 of 1400."""
    place = {"source": "fc10-1e-4", "target": "fc100-100-10", "rule": "random", "split": "train", "variant": "plain"}
    put(tree, {"misread": 300, "clean_misread": 100}, **place)
    cell = draw_table(2, Held(tree, study)).sel(source="fc10-1e-4", target="fc100-100-10", rule="random")
    assert (float(cell.rate), int(cell.n)) == (0.2, 1500)
    assert float(cell.clean) == 100 / 1500


@pytest.mark.parametrize("number", [2, 4])
def test_distortions_are_the_sources(tree: xr.DataTree, study: Study, number: int) -> None:
    table = draw_table(number, Held(tree, study))
    for cell, (source, target, split, rule, _, variant) in cells(number, table):
        if variant != "plain":
            assert np.isnan(cell.distortion)
            assert float(cell.distortion_all) == as_shown(source, source, split, rule, variant=variant)
        elif source in NOISE:
            assert float(cell.distortion) == pytest.approx(noise_distortion(source, split))
        else:
            unit = size(source, rule, split)
            assert float(cell.distortion) == pytest.approx(4 * unit / 3)
            assert float(cell.distortion_all) == pytest.approx(unit * (4 + 0.5 * (rule == "random")) / 4)
            assert float(cell.success) == 0.8
        assert target in MODELS[number]


@pytest.mark.parametrize("number", [2, 4])
def test_seeds_are_averaged_and_are_not_more_images(number: int) -> None:
    """Seed s of the source to seed s of the target; three of the store's four seeds are the study's."""
    table = draw_table(number, Held(stored(4), changed(seeds=3)))
    for cell, (source, target, split, rule, _, variant) in cells(number, table):
        n = N[rule]
        rates = [misread(source, target, split, rule, seed, variant) / n for seed in range(3)]
        assert float(cell.rate) == pytest.approx(np.mean(rates))
        assert int(cell.n) == n
        assert (float(cell.low), float(cell.high)) == pytest.approx(wilson(np.mean(rates) * n, n))
        assert float(cell.spread) == pytest.approx(np.std(rates, ddof=1))
        if source not in NOISE:
            targets = [as_target(source, target, split, rule, seed, variant) / n for seed in range(3)]
            assert float(cell.as_target_rate) == pytest.approx(np.mean(targets))
            assert float(cell.as_target_spread) == pytest.approx(np.std(targets, ddof=1))
            if variant != "plain":
                shown = [as_shown(source, source, split, rule, seed, variant) for seed in range(3)]
                assert float(cell.distortion_all) == pytest.approx(np.mean(shown))


def test_a_missing_seed_is_an_error(tree: xr.DataTree) -> None:
    put(tree, {"n": 0}, source="fc10-1e-4", target="fc100-100-10", rule="random")
    with pytest.raises(InputError, match=r"lacks transfer/fc10-1e-4/fc100-100-10/seed-0 .*random"):
        draw_table(2, Held(tree, changed()))
    with pytest.raises(InputError, match="lacks sets/fc10-1e-4/seed-1/train/nearest"):
        draw_table(2, Held(stored(1), changed(seeds=2)))


def test_the_papers_cells_stand_beside(tree: xr.DataTree, study: Study) -> None:
    table = draw_table(2, Held(tree, study)).sel(rule="nearest")
    assert float(table.paper.sel(source="fc10-1e-4", target="fc100-100-10")) == 0.02
    assert float(table.paper.sel(source="fc100-100-10", target="fc10-1e-4")) == 0.289
    assert float(table.paper.sel(source="noise-0.1", target="fc10-1e-4")) == 0.05
    assert str(table.paper_printed.sel(source="noise-0.1", target="fc10-1e-4").item()) == "5.0"
    for source in ("noise-0.1-clipped", "noise-0.06", "fc100-100-10-1"):
        assert np.isnan(table.paper.sel(source=source)).all()
        assert (table.overlap.sel(source=source) == -1).all()
    assert np.isnan(table.paper.sel(target="fc100-100-10-1")).all()
    assert float(table.distortion_paper.sel(source="fc100-100-10")) == 0.058


def test_table_4_is_held_against_the_paper_where_it_is_shown_as_there(tree: xr.DataTree, study: Study) -> None:
    table = draw_table(4, Held(tree, study)).sel(rule="random")
    one, two, three = ON_HALVES
    plain, amplified = table.sel(variant="plain"), table.sel(variant="amplified")
    assert float(plain.paper.sel(source=one, target=two)) == 0.262
    assert float(plain.paper.sel(source=two, target=one)) == 0.0625
    assert float(amplified.paper.sel(source=one, target=three)) == 0.43
    assert float(amplified.paper.sel(source=three, target=one)) == 0.27
    assert float(plain.paper.sel(source="noise-0.06", target=two)) == 0.026
    assert int(plain.paper_n.sel(source="noise-0.06", target=two)) == 10_000
    assert int(amplified.paper_n.sel(source=one, target=three)) == 256
    assert float(amplified.distortion_paper.sel(source=one)) == 0.1
    for variant in ("amplified-clipped", "amplified-in-box"):
        assert (table.sel(variant=variant).overlap == -1).all()
    other = draw_table(4, Held(tree, changed(sets={"noise": [0.1], "amplified_to": 0.2}))).sel(rule="random")
    assert np.isnan(other.paper.sel(variant="amplified")).all()
    assert float(other.paper.sel(variant="plain", source=one, target=two)) == 0.262


def test_sets_that_are_not_amplified_have_no_such_rows(tree: xr.DataTree) -> None:
    table = draw_table(4, Held(tree, changed(sets={"noise": [0.1], "amplified_splits": ["train"]})))
    assert table.variant.values.tolist() == ["plain"]
    other = changed(sets={"noise": [0.1], "amplified_splits": ["train"]})
    assert "variant" not in draw_table(2, Held(tree, other)).dims


def test_sets_of_other_images_are_not_held_against_the_papers(tree: xr.DataTree) -> None:
    table = draw_table(2, Held(tree, changed(sets={"noise": [0.1], "splits": ["test", "train"]})))
    assert table.attrs["split"] == "test"
    cell = table.sel(source="fc10-1e-4", target="fc100-100-10", rule="random")
    assert float(cell.misread) == misread("fc10-1e-4", "fc100-100-10", "test", "random")
    assert np.isnan(table.paper).all()
    assert np.isnan(table.distortion_paper).all()


@pytest.mark.parametrize(("count", "expected"), [(433, 1), (700, 0), (200, 0)])
def test_overlap_follows_the_counts(tree: xr.DataTree, study: Study, count: int, expected: int) -> None:
    """The paper's 28.9% out of 256 is [23.6, 34.8]: ours out of 1500 meets it at 433, not at 700 nor at 200."""
    put(tree, {"misread": count}, source="fc100-100-10", target="fc10-1e-4", rule="random")
    cell = draw_table(2, Held(tree, study)).sel(source="fc100-100-10", target="fc10-1e-4", rule="random")
    assert int(cell.overlap) == expected


def test_another_data_set_has_no_published_values(tree: xr.DataTree, study: Study) -> None:
    for number in (2, 4):
        table = draw_table(number, Held(tree, study.model_copy(update={"dataset": "fashion-mnist"})))
        assert np.isnan(table.paper).all()
        assert (table.overlap == -1).all()


def test_variants_are_those_that_are_shown() -> None:
    from blindspots import transfer

    assert transfer.VARIANTS == VARIANTS
