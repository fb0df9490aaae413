"""Every table that can be drawn, in the order in which the report shows them: the paper's by number, ours by name.

An entry here, or one that is added from outside, makes a table known to the command line, its help and refusals, to
the job that draws it in a run, and to the report. Nothing is imported for an entry before it is drawn or printed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from blindspots.registry import Registry, deferred
from blindspots.tables.sheet import Sheet

if TYPE_CHECKING:
    import xarray as xr

    from blindspots.results.results import Results
    from blindspots.study.study import Study


_PLAIN_SHEETS = deferred("blindspots.tables.sheets.plain:plain_sheets")


@dataclass(frozen=True)
class Table:
    """A table that can be had of studies."""

    name: str
    """What it is asked for by: the paper's number as text, or a slug; its group in the store is made of it."""
    title: str
    """What it shows, in a line without a capital."""
    draw: Callable[["Results"], "xr.Dataset"]
    """Draws it from what else is in the store. The attributes ``table``, its name, and ``title`` are wanted; variables
    are best described by ``long_name`` and ``units``. Raises :class:`~blindspots.errors.InputError` where the store
    lacks something."""
    sheets: Callable[["xr.Dataset"], list[Sheet]] = _PLAIN_SHEETS
    """Lays it out for reading; by default a row a cell, with every variable in a column."""
    lacks: Callable[["Study"], str] = lambda study: ""
    """What a study has to have for it and has not, as an object of "the study has", with what would be right; empty
    where nothing is lacking."""
    wanted: Callable[["Study"], bool] = lambda study: True
    """Whether the run of a study that lacks nothing for it draws it; if not, it is drawn when it is asked for."""
    compared: bool = False
    """Whether it is one of the paper's whose cells ours are held against, as in :mod:`blindspots.tables.agreement`: it
    then ends in a verdict."""
    heading: str = ""
    """Of its section in the report; its title where that is empty."""
    opening: str = ""
    """A paragraph that its section begins with."""
    figures: tuple[str, ...] = ()
    """The figures, by name, that its section shows below it."""
    reads: tuple[str, ...] = ()
    """The stages whose jobs it is drawn from, where they are not the usual ones: all but those of weights and of
    features."""


LEAST_SEEDS = 8
"""Trainings a network that a spread is taken from."""
NO_SETS = "no adversarial sets: ask for some with --set sets.rules=[nearest]"


def on_all(study: "Study") -> str:
    """Tell what a study lacks for Tables 1 and 2, which are of models trained on all training images."""
    if not study.sets.rules:
        return NO_SETS
    there = any(spec.split == "train" for spec in study.models)
    return "" if there else "no model trained on all training images: add one with split train"


def on_halves(study: "Study") -> str:
    """Tell what a study lacks for Tables 3 and 4, which are of models trained on a half of the training images."""
    if not study.sets.rules:
        return NO_SETS
    there = any(spec.split != "train" for spec in study.models)
    return "" if there else "no model trained on a half of the training images, P1 or P2: add one with split p1"


def repetition(study: "Study") -> str:
    """Tell what a study lacks to hold the paper against more trainings of its kind."""
    from blindspots.paper.published import knows

    if study.seeds < LEAST_SEEDS:
        return f"too few trainings a network for their spread: set seeds={LEAST_SEEDS}, or take the study paper"
    if "random" not in study.sets.rules:
        return "no sets of random targets, as the paper's are: add random to sets.rules"
    return "" if any(knows(study, spec.name) for spec in study.models) else "no model of the paper's Tables 1 to 4"


def claims(study: "Study") -> str:
    """Tell what a study lacks to speak of what the paper's text claims."""
    if not study.sets.rules:
        return NO_SETS
    return "" if sum(bool(spec.paper) for spec in study.models) > 1 else "no two of the paper's networks"


def negatives(study: "Study") -> str:
    """Tell what a study lacks to count adversarial negatives, which are made along its nearest sets."""
    if not study.negatives.images:
        return "no negatives: ask for some with --set negatives.images=500"
    return "" if "nearest" in study.sets.rules else "no nearest sets, which negatives are counted on: add the rule"


def bounds(study: "Study") -> str:
    """Tell whether a study bounds the layers of its models."""
    return "" if study.bounds.models else "no bounds: ask for them with --set bounds.models=true"


def units(study: "Study") -> str:
    """Tell what a study lacks to hold its models' units against random directions."""
    return "" if study.units.rotations else "no units: ask for them with --set units.rotations=199"


def detector(study: "Study") -> str:
    """Tell whether a study has a detector, whose areas can be told and whose misses can be drawn."""
    return "" if study.detector is not None else "no detector: --set detector.what='wheeled vehicle' adds one"


def penalties(study: "Study") -> str:
    """Tell what a study lacks to show what a penalty does."""
    if not study.families:
        return "no models that differ in their penalty alone: add one, or take the study penalty"
    if not study.compares_penalties:
        return "no nearest sets of test images, or no bounds: set sets.splits=[test], the rule and bounds.models=true"
    return ""


def pools(study: "Study", *, with_pools: bool = False) -> str:
    """Tell what a study lacks to compare ways of training, or to tell what their pools are."""
    from blindspots.study.recipes import recipe

    if recipe.with_pools(study) if with_pools else recipe.compared(study):
        return ""
    wanted = "models with pools" if with_pools else "models with pools or hardening"
    return f"no ways of training to compare: name {wanted}, and one with hardening={{}}, or take the study pools"


_MODELS = deferred("blindspots.tables.model_tables:model_table")
_MODEL_SHEETS = deferred("blindspots.tables.sheets.model:model_sheets")
_TRANSFER = deferred("blindspots.tables.transfer_tables:transfer_table")
_TRANSFER_SHEETS = deferred("blindspots.tables.sheets.transfer:transfer_sheets")

TABLES: Registry[Table] = Registry(
    "table",
    Table(
        "1",
        "the models, their errors and their least distortions",
        draw=partial(_MODELS, 1),
        sheets=_MODEL_SHEETS,
        lacks=on_all,
        compared=True,
        heading="Table 1: the models and their least distortions",
    ),
    Table(
        "2",
        "error rates of the sets made for one model (rows) in another (columns)",
        draw=partial(_TRANSFER, 2),
        sheets=_TRANSFER_SHEETS,
        lacks=on_all,
        compared=True,
        heading="Table 2: who else is fooled",
    ),
    Table(
        "3",
        "the models trained on the halves P1 and P2, their errors and their least distortions",
        draw=partial(_MODELS, 3),
        sheets=_MODEL_SHEETS,
        lacks=on_halves,
        compared=True,
        heading="Table 3: models of the two halves",
    ),
    Table(
        "4",
        "error rates of the sets made for one model (rows) in another (columns), trained on the same or the other half",
        draw=partial(_TRANSFER, 4),
        sheets=_TRANSFER_SHEETS,
        lacks=on_halves,
        compared=True,
        heading="Table 4: who else is fooled, across the halves",
    ),
    Table(
        "repetition",
        "what the paper prints beside what one more training would print",
        draw=deferred("blindspots.tables.repetition.table:repetition_table"),
        sheets=deferred("blindspots.tables.repetition.sheet:repetition_sheets"),
        lacks=repetition,
        heading="By repetition: could the paper's numbers be ours?",
        opening="One training is one draw, and so was the paper's. Here each network is trained many times, and the "
        "question is whether what the paper prints could be one more of these trainings.",
    ),
    Table(
        "claims",
        "what the paper's text says of its sets, with a number each",
        draw=deferred("blindspots.tables.claims.table:claims_table"),
        sheets=deferred("blindspots.tables.claims.table:claims_sheets"),
        lacks=claims,
        heading="What the text says",
        opening="Beside its tables the paper says in words what it found. Each claim is a number here.",
    ),
    Table(
        "negatives",
        "how often random directions misread",
        draw=deferred("blindspots.tables.negatives:negatives_table"),
        sheets=deferred("blindspots.tables.sheets.negatives:negatives_sheets"),
        lacks=negatives,
        heading="Adversarial negatives: misread by chance?",
        opening="Close to almost every image there is one that is misread. How likely is it met by chance? Each image "
        "is shown along random directions, at multiples of its own least distortion.",
        figures=("negatives",),
    ),
    Table(
        "bounds",
        "bounds of the models' layers, and of their least distortions",
        draw=deferred("blindspots.tables.bounds:bounds_table"),
        sheets=deferred("blindspots.tables.sheets.bounds:bounds_sheets"),
        lacks=bounds,
        heading="Section 4.3: how unstable can a layer be?",
        opening="How far can a network spread two images apart? Each layer has an upper bound, and their product "
        "bounds the whole; from it follows a distortion below which no image can be misread.",
        figures=("spectrum",),
    ),
    Table(
        "units",
        "hidden units beside random directions",
        draw=deferred("blindspots.tables.units:units_table"),
        sheets=deferred("blindspots.tables.sheets.units:units_sheets"),
        lacks=units,
        heading="Section 3: units against directions",
        opening="The paper looks at the images to which a hidden unit answers most, and at those of random "
        "combinations of units, and finds the ones as alike as the others. Here it is measured how alike they are, in "
        "every layer, beside a network that was never trained and the pixels themselves.",
        figures=("1", "2", "3", "4", "units"),
    ),
    Table(
        "detectors",
        "linear detectors on frozen features",
        draw=deferred("blindspots.tables.detectors:detectors_table"),
        sheets=deferred("blindspots.tables.sheets.detectors:detectors_sheets"),
        lacks=detector,
        heading="Figure 6: a detector that is blind to what it detected",
        opening="The paper trains a linear classifier of cars on a QuocNet's features and shows cars that it no longer "
        "takes for cars. How much such a figure says depends on how well the classifier detects: that is measured "
        "here, beside a classifier of raw pixels.",
        figures=("6",),
        reads=("detectors",),
    ),
    Table(
        "5",
        "upper bounds of the Lipschitz constant of AlexNet's layers",
        draw=deferred("blindspots.tables.table5.table:table5_of_study"),
        sheets=deferred("blindspots.tables.sheets.table5:table5_sheets"),
        wanted=lambda study: bool(study.bounds.alexnet),
        heading="Table 5: AlexNet's layers",
    ),
    Table(
        "penalty",
        "what a penalty on the Lipschitz bound does",
        draw=deferred("blindspots.tables.penalty:penalty_table"),
        sheets=deferred("blindspots.tables.sheets.penalty:penalty_sheets"),
        lacks=penalties,
        heading="The paper's proposal: a penalty on the bounds",
    ),
    Table(
        "pools",
        "what pools of adversarial examples do, layer by layer, beside other ways of training",
        draw=deferred("blindspots.tables.hardening.table:pools_table"),
        sheets=deferred("blindspots.tables.sheets.pools:pools_sheets"),
        lacks=pools,
        heading="Section 1: training with pools of adversarial examples",
        opening="The paper trains a network with a pool of adversarial examples for each layer's output, reports a "
        "test error below 1.2%, finds the higher layers' examples more useful, and leaves a comparison to later work. "
        "Here it is, beside what else makes networks robust.",
        figures=("pools",),
        reads=("pools",),
    ),
    Table(
        "reasons",
        "what pools of adversarial examples are: whether images reach them, and what they weigh",
        draw=deferred("blindspots.tables.hardening.reasons:reasons_table"),
        sheets=deferred("blindspots.tables.sheets.pools:reasons_sheets"),
        lacks=partial(pools, with_pools=True),
        heading="Why: what is in the pools",
        opening="A perturbed activation of a hidden layer need not be one that any image has. For each the nearest "
        "that one has is sought.",
        reads=("pools",),
    ),
)
"""The tables by name."""


def tables_for(study: "Study") -> tuple[str, ...]:
    """Return the tables that ``study`` lacks nothing for."""
    return tuple(name for name, entry in TABLES.items() if not entry.lacks(study))


def drawn_for(study: "Study") -> tuple[str, ...]:
    """Return the tables that a run of ``study`` draws."""
    return tuple(name for name in tables_for(study) if TABLES[name].wanted(study))
