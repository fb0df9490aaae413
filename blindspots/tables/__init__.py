"""The paper's tables out of a store, ours beside the paper's, each with a verdict of agreement."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from blindspots.study import Study

TABLES = {
    1: "the models, their errors and their least distortions",
    2: "error rates of the sets made for one model (rows) in another (columns)",
    3: "the models trained on the halves P1 and P2, their errors and their least distortions",
    4: "error rates of the sets made for one model (rows) in another (columns), trained on the same or the other half",
}
"""The tables that can be drawn, by their number in the paper."""


NEGATIVES = "negatives"
"""The name of a table that the paper has not: how often random directions misread."""


def drawn_for(study: "Study") -> tuple[int | str, ...]:
    """Return the paper's tables that ``study`` has the models for, and the one called negatives where it counts any."""
    counts = study.negatives.images and "nearest" in study.sets.rules
    return (*tables_for(study), *([NEGATIVES] if counts else []))


def tables_for(study: "Study") -> tuple[int, ...]:
    """Return the numbers of the tables that ``study`` has the models for.

    Tables 1 and 2 are of models trained on all training images, Tables 3 and 4 of those trained on a half.
    """
    on_all = {spec.split == "train" for spec in study.models}
    return tuple(number for number in TABLES if (number in (1, 2)) in on_all)


def build_table(number: int | str, tree: "xr.DataTree", study: "Study") -> "xr.Dataset":
    """Return table ``number`` of the paper, or the one called negatives, out of a store's DataTree.

    Raises :class:`~blindspots.errors.InputError` for a table that is not drawn, one that the study has no models for,
    or a store that is not finished.
    """
    from blindspots.errors import InputError
    from blindspots.tables.model_tables import model_table
    from blindspots.tables.negatives import negatives_table
    from blindspots.tables.transfer_tables import transfer_table

    if number == NEGATIVES:
        return negatives_table(tree, study)
    if not isinstance(number, int) or number not in TABLES:
        raise InputError(f"there is no table {number}; those drawn are {', '.join(map(str, TABLES))} and {NEGATIVES}")
    if number not in tables_for(study):
        missing = (
            "all training images: add one with split train" if number in (1, 2) else "a half: add one with split p1"
        )
        raise InputError(f"table {number} is not in the study {study.name}, which has no model trained on {missing}")
    return model_table(number, tree, study) if number in (1, 3) else transfer_table(number, tree, study)


def render(table: "xr.Dataset", form: str) -> str:
    """Return a table as text, markdown, csv, latex or json; see :mod:`blindspots.tables.formats`."""
    from blindspots.tables import formats

    return formats.render(table, form)
