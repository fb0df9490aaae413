"""The sections of the page that hold figures."""

from collections.abc import Callable, Mapping

import xarray as xr

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.report.blocks import Block, Missing, Section, Text
from blindspots.report.grids import sheet_grid
from blindspots.report.pictures import picture
from blindspots.store.layout import Layout
from blindspots.study.study import Study
from blindspots.tables.sheets.sheet import rules


def transfer_section(tables: Mapping[int, xr.Dataset | str]) -> Section:
    """Return the heat maps of Tables 2 and 4, a picture a table and rule."""
    from blindspots.figures.transfer_maps import LARGEST, transfer_maps

    blocks: list[Block] = []
    for number in (2, 4):
        table = tables.get(number)
        if not isinstance(table, xr.Dataset):
            continue
        for rule in rules(table):
            compared = bool((table["paper_n"].sel(rule=rule) > 0).any())
            others = ", the paper's, and the difference in points" if compared else ""
            blocks.append(
                picture(
                    transfer_maps([table], rules=[rule]),
                    alt=f"Heat maps of Table {number} under the rule {rule}: our error rates of every model on every "
                    f"set{others}. The numbers are those of Table {number} above.",
                    caption=f"Table {number}, rule {rule}: ours{others}."
                    + (
                        f" The first two have one scale of colours; that of the difference ends at {LARGEST} points "
                        "for all maps. Framed: the intervals do not overlap. Grey: no such cell."
                        if compared
                        else ""
                    ),
                )
            )
    return Section("transfer", "Transfer as heat maps", tuple(blocks or [Missing("Left out: there is no set here.")]))


def distortion_section(tree: xr.DataTree, study: Study) -> Section:
    """Return the distributions of the least distortions."""
    from blindspots.figures.distortion_distributions import distortion_distributions

    def draw() -> list[Block]:
        return [
            picture(
                distortion_distributions(tree, study),
                alt="Histograms of the least distortions of every model's sets, one row a model, the rules in two "
                "colours, with a line at each mean and a triangle at the paper's average.",
                caption="How the distortions of a set are distributed, over the images that its model reads correctly "
                "from the start and for which the search succeeded. Every histogram is drawn to the same height. Lines "
                "with a number: the means, as in Tables 1 and 3. Triangle: the paper's average, of a random target.",
            )
        ]

    return Section("distortions", "Distortions, image by image", tuple(or_missing(draw)))


def figure7_section(tree: xr.DataTree, study: Study, dataset: Dataset) -> Section:
    """Return Figure 7."""
    from blindspots.figures.figure7 import figure7

    def draw() -> list[Block]:
        return [
            picture(
                figure7(tree, study, dataset),
                alt="Pairs of an original image and the same image distorted, for two models; the distorted ones look "
                "almost like the originals, and every one is misread. Beside them the same images in strong noise.",
                caption="Figure 7: originals beside what a model misreads; below each its label, and after the arrow "
                "the class that the model reads. Right: the same images with noise, more than ten times as strong as "
                "what misleads, shown clipped.",
                form="png",
            )
        ]

    return Section("figure-7", "Figure 7: pairs, and noise", tuple(or_missing(draw)))


def filter_section(study: Study, dataset: Dataset, layout: Layout) -> Section:
    """Return the filters of every autoencoder."""
    from blindspots.figures.filters import MOST, autoencoders, filters

    def draw() -> list[Block]:
        return [
            picture(
                filters(study, dataset, layout, model=name),
                alt=f"The first-layer weights of {name} as a grid of small grey images.",
                caption=f"The weights between the image and each code of {study.model(name).paper or name}, seed 0, in "
                f"the order of the codes, {MOST} at most. Each is divided by its own largest absolute weight: "
                "mid-grey is 0, white positive, black negative.",
                form="png",
            )
            for name in autoencoders(study)
        ]

    blocks = or_missing(draw) or [Missing("Left out: the study has no autoencoder.")]
    return Section("filters", "The autoencoder's filters", tuple(blocks))


def training_section(tree: xr.DataTree, study: Study) -> Section:
    """Return the training curves."""
    from blindspots.figures.training_curves import training_curves

    def draw() -> list[Block]:
        return [
            picture(
                training_curves(tree, study),
                alt="Loss, training error and norm of the gradient over the iterations, a line a model, a row of "
                "panels a phase of training.",
                caption="Training, a row of panels a phase. The loss has the weight decay in it; iterations of L-BFGS "
                "are counted from the beginning of their phase. Axes are logarithmic, but linear below one iteration "
                "and below a thousandth of a percent, so that 0 has a place. Thin lines: further seeds.",
            )
        ]

    return Section("training", "Training", tuple(or_missing(draw)))


def negatives_section(tree: xr.DataTree, study: Study) -> Section:
    """Return table and figure of the adversarial negatives."""
    title = "Adversarial negatives: misread by chance?"
    if "negatives" not in tree.children:
        return Section("negatives", title, (Missing("Left out: the study has counted no adversarial negatives."),))
    from blindspots.figures.negatives import negatives_figure
    from blindspots.tables.negatives import negatives_table
    from blindspots.tables.sheets.negatives import negatives_sheets

    def draw() -> list[Block]:
        sheets = negatives_sheets(negatives_table(tree, study))
        grids = [sheet_grid(sheet, f"grid-negatives-{index}") for index, sheet in enumerate(sheets)]
        return [
            Text(
                "Close to almost every image there is one that is misread. How likely is it met by chance? Each image "
                "is shown along random directions, at multiples of its own least distortion."
            ),
            picture(
                negatives_figure(tree, study),
                alt="Share of random directions that misread over the distortion in multiples of the least, a line a "
                "model, on a sphere and inside the box.",
                caption="Share of random directions along which an image is misread, at multiples of its least "
                "distortion, with 95% intervals over images.",
            ),
            *grids,
            *(Text(note) for note in sheets[-1].notes),
        ]

    return Section("negatives", title, tuple(or_missing(draw)))


def or_missing(draw: Callable[[], list[Block]]) -> list[Block]:
    """Return what ``draw`` makes, or the sentence that says what the store lacks."""
    try:
        return draw()
    except InputError as error:
        return [Missing(f"Left out: {error}.")]
