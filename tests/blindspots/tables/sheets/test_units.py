"""The table of units laid out, and the verdict that it ends in."""

from blindspots.tables.sheets.formats import render
from blindspots.tables.sheets.units import units_sheets, verdict
from blindspots.tables.units import units_table
from tests.unit_rows import held, study_of_units


def test_a_block_for_each_way_of_taking_the_activations() -> None:
    raw, unit = units_sheets(units_table(held(study_of_units())))
    assert raw.rows[0] == (
        *("fc4-10 layers.2", "5", "0", "60.0", "45.0", "70 [65, 77]", "0.01"),
        *("70 [65, 77]", "80, 90"),
    )
    assert raw.rows[1][:3] == ("fc4-10 layers.3", "5", "2")
    assert raw.rows[3][0] == "fc4-10 layers.3, untrained"
    assert raw.rows[3][5] == "-"
    assert raw.rows[6][0] == "pixels"
    assert unit.rows[0][5] == "60 [55, 67]"
    assert raw.notes == unit.notes


def test_by_branches_of_wordnet_there_is_a_column_more() -> None:
    results = held(study_of_units())
    for node in results.tree.subtree:
        if "measure" in node.coords:
            node.dataset = node.to_dataset().assign_coords(measure=["wordnet", "same branch"])
    raw, _ = units_sheets(units_table(results))
    assert raw.columns[-3:] == ("kept, same branch", "in one branch", "different")
    assert raw.rows[0][-3:] == ("70 [65, 77]", "60.0, 45.0", "80, 90")
    assert (
        "in the same branch of WordNet, of the units and of random directions; of random images it is 40.0%."
        in (raw.notes[0])
    )


def test_of_several_seeds_means_outermost_ends_and_every_p_are_shown() -> None:
    raw, _ = units_sheets(units_table(held(study_of_units(seeds=2), seeds=2)))
    assert raw.rows[0][5:7] == ("75 [65, 87]", "0.01, 0.02")
    assert "means over seeds" in raw.notes[0]


def test_the_verdict_counts_layers_whose_units_are_told_at_a_level_for_all() -> None:
    said, _ = verdict(units_table(held(study_of_units())))
    # 0.05 / 3 layers: 0.01 and 0.005 are below, 0.02 is not
    assert "in 2 of 3 layers of the trained networks units are told from random directions, p at most 0.017" in said
    assert "(more rotations are wanted" in said  # of 19 rotations p is at least 0.05
    assert "directions keep 50 to 80% of their coherence above chance" in said
    assert "in 0 of 3 layers before training" in said
    assert said.endswith("of raw pixels they keep 140 [135, 147]%.")


def test_of_several_seeds_all_must_tell() -> None:
    said, _ = verdict(units_table(held(study_of_units(seeds=2), seeds=2)))
    assert "in 1 of 3 layers of the trained networks" in said


def test_it_is_rendered_in_every_format() -> None:
    table = units_table(held(study_of_units()))
    for form in ("text", "markdown", "latex", "csv", "json"):
        assert "layers.2" in render(table, form)
    assert render(table, "text").count("Verdict, ") == 2


def test_pixels_that_are_at_chance_are_said_to_be() -> None:
    results = held(study_of_units())
    found = results.tree["units/pixels/pixels"]
    found.dataset = found.to_dataset().assign(kept=found["kept"] * float("nan"))
    said, _ = verdict(units_table(results))
    assert said.endswith("raw pixels, as units, are no more alike than chance.")
