"""Every figure that can be drawn, in the order in which the report shows them: the paper's by number, others by name.

An entry here, or one that is added from outside, makes a figure known to the command line, its help and refusals, and
to the report. Nothing is imported for an entry before it is drawn.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from blindspots.figures.plate import Plate
from blindspots.registry import Registry, deferred
from blindspots.tables.registry import NO_SETS, bounds, detector, negatives, pools, units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from blindspots.results.results import Results
    from blindspots.study.study import Study


@dataclass(frozen=True)
class FigureEntry:
    """A figure that can be had of studies."""

    name: str
    """What it is asked for by: the paper's number as text, or a slug."""
    title: str
    """What it shows, in a line without a capital."""
    draw: Callable[["Results"], "Figure"]
    """Draws it. Raises :class:`~blindspots.errors.InputError` where the store lacks something."""
    lacks: Callable[["Study"], str] = lambda study: ""
    """What a study has to have for it and has not, as an object of "the study has", with what would be right; empty
    where nothing is lacking."""
    heading: str = ""
    """Of its section in the report; its title where that is empty. One that a table's section shows has none."""
    alt: str = ""
    """What it shows, for who cannot see it; its title where that is empty."""
    caption: str = ""
    """What stands below it in the report; its title where that is empty."""
    form: Literal["svg", "png"] = "svg"
    """In the report: ``svg`` for lines and letters, ``png`` for what is made of pixels."""
    plates: Callable[["Results"], Iterable[Plate]] | None = None
    """What the report shows of it, where that is more than the one figure with ``alt`` and ``caption``."""


def autoencoder(study: "Study") -> str:
    """Tell whether a study has an autoencoder, whose filters can be drawn."""
    return "" if any(spec.network == "autoencoder" for spec in study.models) else "no autoencoder"


def sets(study: "Study") -> str:
    """Tell whether a study makes adversarial sets."""
    return "" if study.sets.rules else NO_SETS


def brackets(study: "Study") -> str:
    """Tell what a study lacks to prove least distortions near images."""
    if "nearest" not in study.sets.rules:
        return "no nearest sets, whose distortions are bounded from below: add the rule nearest"
    return "" if study.bounds.certified else "nothing proved near images: --set bounds.certified=100 asks for it"


def of_digits(study: "Study") -> str:
    """Tell what a study lacks for Figures 1 and 2, which are of small pictures such as MNIST's."""
    if lacking := units(study):
        return lacking
    return "" if not study.has_pictures else "pictures in place of digits: see Figures 3 and 4"


def of_pictures(study: "Study") -> str:
    """Tell what a study lacks for Figures 3 and 4, which are of pictures such as ImageNet's."""
    if lacking := units(study):
        return lacking
    return "" if study.has_pictures else "no pictures such as ImageNet's: see Figures 1 and 2"


def one_class(study: "Study") -> str:
    """Tell whether a study drives images to one class."""
    driven = any(rule.startswith("class-") for rule in study.sets.rules)
    return "" if driven else "no class that all images are driven to: add a rule such as class-9"


def quocnet(study: "Study") -> str:
    """Tell whether a study has a QuocNet, whose filters can be drawn."""
    return "" if study.quocnet is not None else "no QuocNet: --set quocnet.size=quocnet-mini adds one"


FIGURES: Registry[FigureEntry] = Registry(
    "figure",
    FigureEntry(
        "5",
        "pictures that all become one class: original, magnified difference, result",
        draw=deferred("blindspots.figures.adversarial.figure5:figure5"),
        lacks=one_class,
        heading="Figure 5: everything becomes one class",
        form="png",
        plates=deferred("blindspots.figures.adversarial.figure5:figure5_plates"),
    ),
    FigureEntry(
        "transfer",
        "heat maps of Tables 2 and 4 under every rule: ours, the paper's, the difference",
        draw=deferred("blindspots.figures.transfer:transfer_figure"),
        lacks=sets,
        heading="Transfer as heat maps",
        plates=deferred("blindspots.figures.transfer:transfer_plates"),
    ),
    FigureEntry(
        "distortions",
        "the distribution of the least distortions, for every model and rule",
        draw=deferred("blindspots.figures.distortion_distributions:distortion_distributions"),
        lacks=sets,
        heading="Distortions, image by image",
        alt="Histograms of the least distortions of every model's sets, one row a model, the rules in two colours, "
        "with a line at each mean and a triangle at the paper's average.",
        caption="How the distortions of a set are distributed, over the images that its model reads correctly from the "
        "start and for which the search succeeded. Every histogram is drawn to the same height. Lines with a number: "
        "the means, as in Tables 1 and 3. Triangle: the paper's average, of a random target.",
    ),
    FigureEntry(
        "brackets",
        "least distortions between what is proved and what was found, image by image",
        draw=deferred("blindspots.figures.adversarial.brackets:brackets_figure"),
        lacks=brackets,
        heading="Proved against found",
        alt="A panel a network, a point an image: to the right the distortion that misleads, upwards how much of it is "
        "proved to be needed. Where points lie on the dotted diagonal the least distortion is known.",
        caption="Of each image the least distortion found, and below which none is misread, which is proved; the least "
        "there is lies between the two, and on the dotted line they meet. Written in: the mean of proved over found, "
        "and over how many images of a seed. Of networks other than sigmoid ones the proof counts in what their own "
        "arithmetic rounds.",
    ),
    FigureEntry(
        "6",
        "pictures that a linear detector on frozen features no longer detects, with the difference",
        draw=deferred("blindspots.figures.detectors.figure6:figure6"),
        lacks=detector,
        form="png",
        plates=deferred("blindspots.figures.detectors.figure6:figure6_plates"),
    ),
    FigureEntry(
        "quocnet",
        "filters of a QuocNet's first stage, and how its stages learnt",
        draw=deferred("blindspots.figures.detectors.quocnet_filters:quocnet_filters"),
        lacks=quocnet,
        heading="QuocNet: what it looks for, and where",
        alt="Small grey or coloured patches in blocks, a block a place of the picture; beside them the objective of "
        "every stage, falling over the steps.",
        caption="Filters of the first stage, as they look at whitened pictures: a block of up to eight for each of up "
        "to 25 places, which lie as the blocks do; mid-grey is 0. Right: the objective of pictures held out, as a "
        "share of what it was before the first step, and the error of reconstruction as a share of their squared "
        "length.",
        form="png",
    ),
    FigureEntry(
        "7",
        "pairs of original and distorted images for two models, beside the same images with noise",
        draw=deferred("blindspots.figures.figure7:figure7"),
        lacks=sets,
        heading="Figure 7: pairs, and noise",
        form="png",
        plates=deferred("blindspots.figures.figure7:figure7_plates"),
    ),
    FigureEntry(
        "filters",
        "the first-layer weights of the autoencoder",
        draw=deferred("blindspots.figures.filters:filters"),
        lacks=autoencoder,
        heading="The autoencoder's filters",
        form="png",
        plates=deferred("blindspots.figures.filters:filter_plates"),
    ),
    FigureEntry(
        "training",
        "loss, error and gradient over the iterations, for every model",
        draw=deferred("blindspots.figures.training_curves:training_curves"),
        heading="Training",
        alt="Loss, training error and norm of the gradient over the iterations, a line a model, a row of panels a "
        "phase of training.",
        caption="Training, a row of panels a phase. The loss has the weight decay in it; iterations of L-BFGS are "
        "counted from the beginning of their phase. Axes are logarithmic, but linear below one iteration and below a "
        "thousandth of a percent, so that 0 has a place. Thin lines: further seeds.",
    ),
    FigureEntry(
        "negatives",
        "how often random directions misread, over the distortion",
        draw=deferred("blindspots.figures.negatives:negatives_figure"),
        lacks=negatives,
        alt="Share of random directions that misread over the distortion in multiples of the least, a line a model, on "
        "a sphere and inside the box.",
        caption="Share of random directions along which an image is misread, at multiples of its least distortion, "
        "with 95% intervals over images.",
    ),
    FigureEntry(
        "pools",
        "the error of pools over their strength, layer by layer, how old they are, and how the trainings went",
        draw=deferred("blindspots.figures.hardening.pools:pools_figure"),
        lacks=pools,
        alt="Error over strength, a line a way of training, beside decay alone as a band and the paper's three errors "
        "as dotted lines; the ages of the pools' slots; training errors over the epochs.",
        caption="Left: the error over how far perturbations go, or how strong else a way of training is, at the weight "
        "that is best there, with 95% intervals; grey: decay alone; dotted: the paper's. Middle: how old the slots of "
        "a pool are at the end of the training. Right: errors in training. Middle and right: of each way the best.",
    ),
    FigureEntry(
        "spectrum",
        "the layers of the convolutional network over frequency and singular direction, with their bounds",
        draw=deferred("blindspots.figures.model_spectra:model_spectra"),
        lacks=bounds,
        plates=deferred("blindspots.figures.model_spectra:spectrum_plates"),
    ),
    FigureEntry(
        "1",
        "images to which units of a hidden layer answer most, on digits",
        draw=deferred("blindspots.figures.units.top_images:units_figure"),
        lacks=of_digits,
        form="png",
        plates=deferred("blindspots.figures.units.top_images:units_plates"),
    ),
    FigureEntry(
        "2",
        "images to which random directions of a hidden layer answer most, on digits",
        draw=deferred("blindspots.figures.units.top_images:directions_figure"),
        lacks=of_digits,
        form="png",
        plates=deferred("blindspots.figures.units.top_images:directions_plates"),
    ),
    FigureEntry(
        "3",
        "images to which units of a hidden layer answer most, on pictures",
        draw=deferred("blindspots.figures.units.top_images:units_figure"),
        lacks=of_pictures,
        form="png",
        plates=deferred("blindspots.figures.units.top_images:units_plates"),
    ),
    FigureEntry(
        "4",
        "images to which random directions of a hidden layer answer most, on pictures",
        draw=deferred("blindspots.figures.units.top_images:directions_figure"),
        lacks=of_pictures,
        form="png",
        plates=deferred("blindspots.figures.units.top_images:directions_plates"),
    ),
    FigureEntry(
        "units",
        "how much of the units' coherence random directions keep, in every layer",
        draw=deferred("blindspots.figures.units.kept:kept_figure"),
        lacks=units,
        alt="Share of the units' coherence above chance that random directions keep, a point a layer, with intervals, "
        "for trained and untrained networks.",
        caption="Share of the units' coherence above chance that random directions keep, layer by layer, with 95% "
        "intervals over units and bases: filled trained, hollow untrained, a cross where units are no more alike than "
        "chance. 1: no difference between units and directions. Dotted: raw pixels.",
    ),
)
"""The figures by name."""
