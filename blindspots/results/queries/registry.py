"""Every question that a store answers, in the order in which help lists them.

An entry here, or one that is added from outside, makes a question known to :func:`~blindspots.results.ask`, to the
command line, its help and its refusals. Nothing is imported for an entry before it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blindspots.registry import Registry, deferred

if TYPE_CHECKING:
    import xarray as xr

    from blindspots.results.queries.choice import Choice
    from blindspots.results.results import Results

SETS = ("models", "split", "rule", "seed", "classes")
"""What says which sets are asked about, and which of their images."""
READINGS = (*SETS, "readers", "variant")
"""What says so of questions about what models read in sets."""


@dataclass(frozen=True)
class Question:
    """A question, and how it is answered."""

    name: str
    title: str
    """What is asked for, in a line without a capital."""
    answer: Callable[["Results", "Choice"], "xr.Dataset"]
    """Answers it. Raises :class:`~blindspots.errors.InputError` where the store lacks what is asked for."""
    takes: tuple[str, ...]
    """The fields of :class:`~blindspots.results.queries.choice.Choice` that it heeds; others are refused."""


QUESTIONS: Registry[Question] = Registry(
    "question",
    Question(
        "fools",
        "the images that fool every model, or at least so many",
        deferred("blindspots.results.queries.fooling:fooling_images"),
        (*READINGS, "least", "limit"),
    ),
    Question(
        "how-many",
        "how many models the images of a set fool: the share of images by that number",
        deferred("blindspots.results.queries.fooling:how_many_are_fooled"),
        READINGS,
    ),
    Question(
        "by-class",
        "transfer by class: how often a model misreads a set, by the images' class",
        deferred("blindspots.results.queries.classes:transfer_by_class"),
        READINGS,
    ),
    Question(
        "by-target",
        "transfer by target class: how often a model reads a set's images as their target, by that class",
        deferred("blindspots.results.queries.classes:transfer_by_target"),
        READINGS,
    ),
    Question(
        "read-as",
        "what the images of each class are read as",
        deferred("blindspots.results.queries.classes:read_as"),
        READINGS,
    ),
    Question(
        "agreement",
        "which models misread the same images",
        deferred("blindspots.results.queries.agreement:agreement"),
        READINGS,
    ),
    Question(
        "distortions",
        "quantiles of the least distortions, by model and class",
        deferred("blindspots.results.queries.distances:quantiles"),
        (*SETS, "quantiles"),
    ),
    Question(
        "robustness",
        "the share of images misread within a distortion, between what was found and what is proved",
        deferred("blindspots.results.queries.distances:robustness"),
        ("models", "split", "seed", "classes", "at"),
    ),
    Question(
        "hardest",
        "the images with the largest least distortions",
        deferred("blindspots.results.queries.extremes:hardest"),
        (*SETS, "limit"),
    ),
    Question(
        "easiest",
        "the images with the smallest least distortions",
        deferred("blindspots.results.queries.extremes:easiest"),
        (*SETS, "limit"),
    ),
)
"""The questions by name."""
