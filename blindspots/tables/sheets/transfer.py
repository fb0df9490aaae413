"""Tables 2 and 4 laid out for reading: a line a set, a column a model, the paper's line below ours."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from blindspots.tables.agreement import DECIDES, with_variants
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names, number, percent, printed, rate, rules, span, title

COLUMNS = 6
"""Models beside each other at most: more are another block, so that lines stay legible."""

_VARIANTS = {
    "plain": "{}",
    "amplified": "{} amplified to {:g}",
    "amplified-clipped": "  clipped to [0, 1]",
    "amplified-in-box": "  to {1:g} inside [0, 1]",
}


def transfer_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the blocks of Table 2 or 4: for each rule the paper's models as columns, then the others."""
    whole = with_variants(table)
    return [_sheet(whole, rule, columns) for rule in rules(table) for columns in blocks(whole)]


def blocks(table: xr.Dataset) -> list[list[str]]:
    """Return the models that are columns of a block together: those with a published value, then the others."""
    published = (table["paper_n"] > 0).any(["rule", "variant", "source"]).values
    targets = np.array(names(table, "target"), dtype=object)
    parts = targets[published].tolist(), targets[~published].tolist()
    return [part[start : start + COLUMNS] for part in parts for start in range(0, len(part), COLUMNS)]


def _sheet(table: xr.Dataset, rule: str, targets: list[str]) -> Sheet:
    of_rule = table.sel(rule=rule)
    shown = of_rule.sel(target=targets)
    models = names(table, "target")
    rows = [line for each in _sources(shown, models) for line in _lines(each, targets, models)]
    largest = int(of_rule["n"].isel(variant=0, target=0).values.argmax())
    clean = shown.isel(variant=0, source=largest)
    rows.append(
        (
            "no perturbation",
            *(
                rate(*(clean[each].sel(target=name) for each in ("clean", "clean_low", "clean_high")))
                for name in targets
            ),
            "",
            span(clean["n"]),
        )
    )
    columns = [str(shown["target_name"].sel(target=name).item()) for name in targets]
    return Sheet(
        f"{title(table)}; rule {rule}",
        ("set made for", *columns, "distortion", "n"),
        tuple(rows),
        _notes(of_rule, int(table.attrs["seeds"])),
    )


def _sources(of_rule: xr.Dataset, models: list[str]) -> Iterator[xr.Dataset]:
    """Yield each line of ours: the sets as made, those amplified, model by model, then the noise."""
    sources = names(of_rule, "source")
    made = [name for name in sources if name in models]
    for name in made:
        yield of_rule.sel(source=name, variant="plain")
    for name in made:
        for variant in names(of_rule, "variant")[1:]:
            yield of_rule.sel(source=name, variant=variant)
    for name in sources[len(made) :]:
        yield of_rule.sel(source=name, variant="plain")


def _lines(line: xr.Dataset, targets: list[str], models: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield what is said of one set: ours, its spread where there are seeds, and the paper's where it has it.

    The paper's distortions are of a random target (slip "targets"): those of the ``models``' sets as made stand beside
    no others, while noise and what is amplified have the same under every rule.
    """
    cells = [line.sel(target=name) for name in targets]
    variant = str(line["variant"].item())
    size = line["distortion"] if variant == "plain" else line["distortion_all"]
    label = _VARIANTS[variant].format(str(line["source_name"].item()), float(line.attrs["amplified_to"]))
    rates = [rate(cell["rate"], cell["low"], cell["high"], flag=cell["overlap"]) for cell in cells]
    yield label, *rates, number(size, 4), span(line["n"])
    if int(line.attrs["seeds"]) > 1:
        yield "  over seeds", *(f"±{number(100 * cell['spread'], 2)}" for cell in cells), "", ""
    theirs = [printed(cell["paper_printed"].item(), cell["paper_low"], cell["paper_high"]) for cell in cells]
    if any(theirs):
        of_rule = variant == "plain" and str(line["source"].item()) in models
        beside = str(line["rule"].item()) == DECIDES or not of_rule
        yield "  paper", *theirs, number(line["distortion_paper"], 3) * beside, span(line["paper_n"])


def _notes(of_rule: xr.Dataset, seeds: int) -> tuple[str, ...]:
    notes = [
        "Error rates in % with their Wilson 95% interval, over all n images of a set, also those misread from the "
        "start; the paper's as printed, with the interval of its n images and of its rounding. Distortions of sets as "
        "made are over images read correctly from the start. No perturbation: the images of the largest set."
    ]
    if seeds > 1:
        notes.append(
            f"Means over {seeds} seeds; ± is the standard deviation over them. All seeds are shown the same images, "
            "whose number is that of one seed."
        )
    least = float(of_rule["success"].min())
    if least < 1:
        notes.append(f"The search failed for up to {percent(1 - least)}% of a set's images.")
    return tuple(notes)
