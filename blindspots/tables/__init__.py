"""Tables out of a store: the paper's with ours beside them, and some that the paper has not."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from blindspots.study.study import Study

TABLES = {
    1: "the models, their errors and their least distortions",
    2: "error rates of the sets made for one model (rows) in another (columns)",
    3: "the models trained on the halves P1 and P2, their errors and their least distortions",
    4: "error rates of the sets made for one model (rows) in another (columns), trained on the same or the other half",
}
"""The tables of section 4.2, which end in a verdict, by their number in the paper."""

TABLE5 = 5
"""The table of section 4.3: bounds of AlexNet's layers."""
NEGATIVES = "negatives"
"""The name of a table that the paper has not: how often random directions misread."""
BOUNDS = "bounds"
"""The name of another: bounds of the study's own models, beside the least distortions."""
PENALTY = "penalty"
"""The name of another: what a penalty on these bounds does."""

OTHERS = (TABLE5, NEGATIVES, BOUNDS, PENALTY)


def drawn_for(study: "Study") -> tuple[int | str, ...]:
    """Return the tables that ``study`` makes all that they show: the paper's by number, ours by name."""
    wanted = {
        TABLE5: study.bounds.alexnet,
        NEGATIVES: study.negatives.images and "nearest" in study.sets.rules,
        BOUNDS: study.bounds.models,
        PENALTY: study.compares_penalties,
    }
    return tuple(map(str, (*tables_for(study), *(name for name in OTHERS if wanted[name]))))


def tables_for(study: "Study") -> tuple[int, ...]:
    """Return which of Tables 1 to 4 ``study`` has the models for.

    Tables 1 and 2 are of models trained on all training images, Tables 3 and 4 of those trained on a half.
    """
    on_all = {spec.split == "train" for spec in study.models}
    return tuple(number for number in TABLES if (number in (1, 2)) in on_all)


def build_table(number: int | str, tree: "xr.DataTree", study: "Study") -> "xr.Dataset":
    """Return table ``number`` of the paper, or one of ours by its name, out of a store's DataTree.

    Table 5 can be had of any study: where none names weights, no row has a number of ours.

    Raises :class:`~blindspots.errors.InputError` for a table that is not drawn, one that the study has no models for,
    or a store that is not finished.
    """
    from blindspots.errors import InputError

    if number in OTHERS:
        return _other(number, tree, study)
    from blindspots.tables.model_tables import model_table
    from blindspots.tables.transfer_tables import transfer_table

    if not isinstance(number, int) or number not in TABLES:
        known = ", ".join(map(str, (*TABLES, *OTHERS[:-1])))
        raise InputError(f"there is no table {number}; those drawn are {known} and {OTHERS[-1]}")
    if number not in tables_for(study):
        missing = (
            "all training images: add one with split train" if number in (1, 2) else "a half: add one with split p1"
        )
        raise InputError(f"table {number} is not in the study {study.name}, which has no model trained on {missing}")
    return model_table(number, tree, study) if number in (1, 3) else transfer_table(number, tree, study)


def _other(name: int | str, tree: "xr.DataTree", study: "Study") -> "xr.Dataset":
    if name == NEGATIVES:
        from blindspots.tables.negatives import negatives_table

        return negatives_table(tree, study)
    if name == BOUNDS:
        from blindspots.tables.bounds import bounds_table

        return bounds_table(tree, study)
    if name == PENALTY:
        from blindspots.tables.penalty import penalty_table

        return penalty_table(tree, study)
    from blindspots.study.study import ALEXNET
    from blindspots.tables.distortions import group
    from blindspots.tables.table5 import table5

    return table5(group(tree, f"spectral/{ALEXNET}") if study.bounds.alexnet else None)


def render(table: "xr.Dataset", form: str) -> str:
    """Return a table as text, markdown, csv, latex or json; see :mod:`blindspots.tables.sheets.formats`."""
    from blindspots.tables.sheets import formats

    return formats.render(table, form)


def draw_table(name, results):  # type: ignore
    return build_table(int(name) if str(name).isdigit() else name, results.tree, results.study)


def read_table(name, results):  # type: ignore
    return draw_table(name, results)
