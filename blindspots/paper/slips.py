"""Where the paper slips or is silent, and which reading is taken here.

The order is the page's own; the same are in the README.
"""

from collections.abc import Callable
from dataclasses import dataclass

from blindspots.report.numbers import count
from blindspots.study.study import Study


@dataclass(frozen=True)
class Slip:
    """One slip or silence."""

    title: str
    paper: str
    """What is printed, or is not, and what was found when that was checked."""
    here: str
    """The reading that is the default here."""
    in_force: Callable[[Study], str] = lambda study: ""
    """What this study has, where it can be chosen."""


def _decay(study: Study) -> str:
    return f"training.decay_form = {study.training.decay_form}"


def _rules(study: Study) -> str:
    return f"sets.rules = {', '.join(study.sets.rules)}"


def _method(study: Study) -> str:
    return ", ".join(f"{rule} by {study.method(rule)}" for rule in study.sets.rules)


def _amplified(study: Study) -> str:
    return f"sets.amplified_to = {study.sets.amplified_to:g}"


def _noise(study: Study) -> str:
    return f"sets.noise = {', '.join(f'{value:g}' for value in study.sets.noise)}"


def _end(study: Study) -> str:
    training = study.training
    return f"training.iterations = {training.iterations}, training.tolerance = {training.tolerance:g}"


def _size(study: Study) -> str:
    training = "all images" if study.training.images is None else f"{count(study.training.images)} images"
    sets = "the whole split" if study.sets.examples is None else f"{count(study.sets.examples)} images"
    return f"trained on {training} of a split; a set has {sets} at most"


SLIPS = (
    Slip(
        "Percentages out of 256 images",
        "The text does not say how many images stand behind the transfer rates. Of the 31 cells of Tables 2 and 4 that "
        "are printed with a decimal, 28 are multiples of 1/256, where chance would give a quarter of them.",
        "The paper's interval is Wilson's at 95% for 256 images, and a cell agrees where that interval and ours "
        "overlap. The errors of Tables 1 and 3 are taken to be those of the whole split.",
        _size,
    ),
    Slip(
        "What is multiplied by the weight decay",
        "Printed is λ times the sum of the squared weights over the number of units. That misses Table 1's errors at "
        "λ = 0.01 and 1; λ/2 times the sum, with free biases and without the division, meets them at the two smaller "
        "values and comes nearest at 1, where about a third of λ would fit.",
        "λ/2 times the sum of squares, biases free (half-squares); the printed form is called per-unit.",
        _decay,
    ),
    Slip(
        "Which class a distorted image is to become",
        "Not said for Tables 1 to 4. The average distortions printed are those of a class drawn at random: the nearest "
        "class is reached with about half as much, and transfers otherwise.",
        "Both rules are computed and shown. Comparisons with the paper are made under the rule random.",
        _rules,
    ),
    Slip(
        "Minimum c",
        "With c on the size of the perturbation, as printed, the least distortion belongs to the largest c whose "
        "minimiser still reaches the class, not to the smallest. And c|r| has no gradient where the search starts.",
        "The largest c that succeeds, for every image. lbfgs-norm searches on c|r|, as printed, and makes the built-in "
        "studies' sets with a target; lbfgs takes the square, which is smooth; auto projects onto the boundaries from "
        "where that ends, and finds the least.",
        _method,
    ),
    Slip(
        "Exact for convex losses",
        "The penalty is called exact where the loss is convex. With more than two classes it is not: cross-entropy "
        "pulls towards the target and away from all other classes, and not only across the boundary.",
        "For linear models the exact minimum is computed beside what the search finds, and Table 1 has their ratio.",
    ),
    Slip(
        "Amplification",
        "The formula of Table 4's lower half divides by the norm of the perturbation, where the distortion per pixel "
        "is meant: a factor √784. From 0.06 to 0.1 is two thirds more, not 40%.",
        "Every image's perturbation is scaled to one distortion: as printed, which may leave [0, 1], and beside that "
        "clipped afterwards, and scaled so that the distortion is reached inside [0, 1].",
        _amplified,
    ),
    Slip(
        "Noise, clipped or not",
        "Not said. Kept inside [0, 1], noise with a standard deviation of 0.1 has a root mean square of 0.074, and "
        "0.3 becomes 0.216.",
        "Not clipped, as the numbers printed beside it suggest; clipped stands beside it.",
        _noise,
    ),
    Slip(
        "Images misread from the start",
        "A linear model misreads 7 to 20% of its training images before they are touched, and the paper does not say "
        "what becomes of them.",
        "Under the rule nearest they stay as they are, at distortion 0; under a rule with a target they are driven "
        "there like the others. Average distortions leave them out; error rates count all images.",
    ),
    Slip(
        "When a training ends, and where it begins",
        "L-BFGS is said to run until convergence, without a criterion, and nothing is said of the initial weights. "
        "How far a sigmoid network was trained shows in how its sets transfer.",
        "Normal initial weights with variance 1 / inputs, biases 0; the end by the norm of the gradient, or by the "
        "limit of iterations.",
        _end,
    ),
    Slip(
        "The sparse autoencoder",
        "AE400-10's loss is left to the references.",
        "Squared error, decay on both layers, and the divergence of every code's mean activation from a small one, "
        "with the values usual for MNIST; the encoder is then frozen and a softmax trained on the codes.",
    ),
    Slip(
        "The halves of the training set",
        "How the training images were divided into P1 and P2 is not said.",
        "A seeded shuffle, balanced over the classes.",
    ),
    Slip(
        "Figure 7's noise",
        "Its standard deviation is 1, more than ten times the distortion of the pairs beside it, and of which model "
        "the accuracy of 51% is meant is not said.",
        "The same strength, with the accuracy of the first of the two models shown.",
    ),
    Slip(
        "Equation (1)",
        "The normaliser of a convolution's norm is printed as 1/Δ², with the stride Δ; it is 1/Δ. A kernel of one tap "
        "at stride 4 has norm 1, and gets 0.25 as printed. The exponent's period is the signal's, not that of the "
        "kernel's support.",
        "The right normaliser; Table 5 shows both.",
    ),
    Slip(
        "The input's own grid",
        "The norm on a circle as long as the input is no upper bound of the zero-padded layer: the kernel (1, -1) on 3 "
        "values has norm 1.802, and 1.732 on the circle.",
        "A grid with room for the padding, whose frequencies may be shifted; and a lower bound from the layer itself.",
    ),
    Slip(
        "Pooling",
        "Max pooling is called contractive. Where windows overlap, as AlexNet's 3 x 3 at stride 2, one value can be "
        "the largest of four, and the sound bound is 2.",
        "The root of the largest number of windows that one value lies in.",
    ),
    Slip(
        "Contrast normalisation",
        "The bound eps^-γ is given for γ in [0.5, 1]; it holds for every γ >= 0. Krizhevsky's response normalisation, "
        "which AlexNet has, is another function, and has no bound in the paper.",
        "A proved bound for each, with a lower one beside it.",
    ),
    Slip(
        "Sigmoids",
        "Only half-rectified layers are treated, but the paper's own networks for MNIST are sigmoid.",
        "A sigmoid has 1/4, a softmax 1/2.",
    ),
    Slip(
        "Two networks called AlexNet",
        "That of 2012 has two groups in three layers, and response normalisation; the common pretrained one has "
        "neither, and other numbers of maps. Table 5's sizes fit the first without its groups.",
        "Both are here, and Table 5 says whose weights it shows, in units of the input as fed and per pixel in [0, 1].",
    ),
    Slip(
        "Frame bounds",
        "Table 5's caption speaks of frame bounds, which are squares of norms; its values are norms.",
        "Norms.",
    ),
)
"""The slips, in the order of the paper's experiments."""
