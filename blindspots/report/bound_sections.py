"""The sections of the page about section 4.3: bounds of the layers, Table 5, and what a penalty on them does."""

import xarray as xr

from blindspots.datasets.dataset import Dataset
from blindspots.report.blocks import Block, Missing, Section, Text
from blindspots.report.grids import sheet_grid
from blindspots.report.picture_sections import or_missing
from blindspots.report.pictures import picture
from blindspots.store.layout import Layout
from blindspots.study.study import Study
from blindspots.tables import BOUNDS, PENALTY, TABLE5, build_table, drawn_for
from blindspots.tables.sheets.formats import sheets


def bounds_section(tree: xr.DataTree, study: Study, dataset: Dataset, layout: Layout) -> Section:
    """Return the bounds of the study's models, and the spectra of one."""
    title = "Section 4.3: how unstable can a layer be?"
    if BOUNDS not in drawn_for(study):
        return Section("bounds", title, (Missing("Left out: the study has bounded no layers."),))
    from blindspots.figures.model_spectra import model_spectra, shown

    def draw() -> list[Block]:
        name = shown(study)
        return [
            Text(
                "How far can a network spread two images apart? Each layer has an upper bound, and their product "
                "bounds the whole; from it follows a distortion below which no image can be misread."
            ),
            *_grids(tree, study, BOUNDS),
            picture(
                model_spectra(tree, study, dataset, layout),
                alt=f"The layers of {name}: for each convolution a map of its norm over frequency, and for the linear "
                "layers their singular values, falling.",
                caption=f"The layers of {study.model(name).paper or name}. A convolution's norm over the frequencies "
                "of its output, the peak marked, the layer's bounds as lines in the colour bar; right, the singular "
                "values of the linear layers.",
            ),
        ]

    return Section("bounds", title, tuple(or_missing(draw)))


def table5_section(tree: xr.DataTree, study: Study) -> Section:
    """Return Table 5; without weights, the paper's numbers alone."""
    return Section("table-5", "Table 5: AlexNet's layers", tuple(or_missing(lambda: list(_grids(tree, study, TABLE5)))))


def penalty_section(tree: xr.DataTree, study: Study) -> Section:
    """Return what a penalty on the bounds does."""
    title = "The paper's proposal: a penalty on the bounds"
    if PENALTY not in drawn_for(study):
        missing = "Left out: the study has no models that differ in their penalty alone; the study penalty has."
        return Section("penalty", title, (Missing(missing),))
    return Section("penalty", title, tuple(or_missing(lambda: list(_grids(tree, study, PENALTY)))))


def _grids(tree: xr.DataTree, study: Study, name: int | str) -> list[Block]:
    blocks: list[Block] = []
    for index, sheet in enumerate(sheets(build_table(name, tree, study))):
        blocks += [sheet_grid(sheet, f"grid-{name}-{index}"), *map(Text, sheet.notes)]
    return blocks
