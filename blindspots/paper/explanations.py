"""Why a cell disagrees with the paper's, where that is known: measured, not guessed.

A cell's key is ``table<number>/<kind>/<rule>/<row>/<column>``, in the names of the store and the kinds of
:mod:`blindspots.tables.agreement`, such as ``table2/adversarial/random/fc10-1/fc10-1e-2``,
``table4/amplified/random/fc100-100-10-p1/fc100-100-10-p2``, ``table2/noise/none/noise-0.3/fc10-1e-4`` or
``table1/errors/none/fc10-1/test``. A pattern has ``*`` for any part.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from blindspots.study.study import Study

_ENOUGH = 500
"""Iterations that a study at full scale allows at least."""

_NEAREST = (
    "The paper's targets are drawn at random. Under the rule nearest the distortions are about half as large, and the "
    "rates are not expected to agree."
)

_COARSE = "The search over c matters: where fewer values of c are tried, images move further, and more misread them. "
_INITIAL = "It moves with the initial weights, of which the interval says nothing: for three draws "
_AUTOENCODER = "The paper does not say how the autoencoder was trained, and the cell depends on it: "

EXPLANATIONS: Mapping[str, str] = {
    "table*/*/nearest/*/*": _NEAREST,
    "table1/errors/none/ae400-10/*": _AUTOENCODER
    + "on 55 000 images the training error is 1.06% after 40 of its iterations, 0.88% after 60, 0.81% after 100 and "
    "0.83% after 130; trained on 20 000 images alone it is 0.03%, and 0.28% at a sparsity of 0.05.",
    "table2/adversarial/random/fc10-1/fc10-1e-2": _COARSE
    + "This cell is 60.0% at the least distortions (0.109 on average), 67.8% after seven values of c (0.140), 72.6% "
    "after two (0.145) and 78.0% after one (0.159); the paper's distortion is 0.14.",
    "table2/adversarial/random/fc10-1/fc10-1e-4": _COARSE
    + "This cell is 63.8% at the least distortions (0.109 on average), 65.3% after seven values of c (0.140), 68.7% "
    "after two (0.145) and 73.0% after one (0.159); the paper's distortion is 0.14.",
    "table2/adversarial/random/ae400-10/fc10-1": _AUTOENCODER
    + "while FC10(1) had biases (slip 'biases') a decay of 1e-3 in place of 3e-3, on 20 000 images, took a point off.",
    "table2/adversarial/random/ae400-10/fc100-100-10": _AUTOENCODER
    + "with a decay of 1e-3 in place of 3e-3, on 20 000 images, it is 10.1% and agrees; after 40 iterations 12.2%, "
    "with a sparsity of 0.05 in place of 0.1 23.5%.",
    "table2/adversarial/random/ae400-10/fc200-200-10": _AUTOENCODER
    + "with a decay of 1e-3 in place of 3e-3, on 20 000 images, it is 9.2% and agrees; after 40 iterations 12.1%, with "
    "a sparsity of 0.05 in place of 0.1 21.0%.",
    "table2/adversarial/random/fc10-1e-2/ae400-10": _AUTOENCODER
    + "four others (decay 1e-3, sparsity 0.05, 40 iterations, 20 000 images) misread 21 to 34% of this set; none comes "
    "near the paper's. This stays open.",
    "table2/adversarial/random/fc10-1/ae400-10": "The paper does not say how the autoencoder was trained, but the cell "
    "hardly depends on it: eight trainings misread 41.5 to 44.4% of this set; on 20 000 images with a decay of 1e-3 in "
    "place of 3e-3 it is 42.4%, with a sparsity of 0.05 in place of 0.1 42.7%. None comes near the paper's. This stays "
    "open.",
    "table2/adversarial/random/fc10-1e-2/fc200-200-10": "The search matters little: this cell is 36% after seven "
    "values of c, 38% at the least distortions, and 40% after two values. So do the initial weights: 35% for another "
    "draw. Neither closes the gap of 2 points.",
    "table4/adversarial/random/fc100-100-10-p1/fc123-456-10-p1": _INITIAL
    + "it is 17.7, 18.6 and 25.8%; their mean agrees.",
    "table4/adversarial/random/fc123-456-10-p1/fc100-100-10-p1": _INITIAL
    + "it is 26.6, 20.4 and 21.1%. The paper's 6.25% is less than a quarter of what it prints for the other direction "
    "(26.2%), while its amplified rates are alike in both (98 and 96%), as ours are: 6.25% may be a misprint.",
    "table4/adversarial/random/fc100-100-10-p2/*": _INITIAL
    + "P2's sets cause 4.7 to 5.7% in either model of P1; the paper's 8.2% is 21 of 256 images.",
    "table4/amplified/random/fc100-100-10-p1/fc123-456-10-p1": _INITIAL
    + "it is 87.5, 85.8 and 89.0%. Under the rule nearest, whose directions gain more by the same amplification, it is "
    "98 to 99%, the paper's value.",
    "table4/amplified/random/fc123-456-10-p1/fc100-100-10-p1": _INITIAL
    + "it is 89.0, 85.9 and 88.6%; under the rule nearest it is above the paper's.",
    "table4/amplified/random/fc100-100-10-p1/fc100-100-10-p2": _INITIAL + "it is 50.8, 50.7 and 48.7%.",
    "table4/amplified/random/fc123-456-10-p1/fc100-100-10-p2": _INITIAL
    + "it is 49.8, 48.6 and 47.5%. Ours are alike for both models of P1 (50%), the paper's are 43 and 22%.",
    "table4/amplified/random/fc100-100-10-p2/*": _INITIAL
    + "it is 45.7 to 46.0% in FC100-100-10 and 42.0 to 44.7% in FC123-456-10, alike; the paper's are 27 and 50%.",
}
"""Patterns of keys with what is known at full scale, the most particular first.

Measured with the models of the study mnist on 3000 images, with trainings of AE400-10 with one value changed (while the
softmax models still had biases), and with models of the halves from the seeds 1 and 2 on 5000. In tests/benchmarks,
test_coarse_search.py does the like on networks of its own.
"""


def explanations_for(study: Study) -> Mapping[str, str]:
    """Return the explanations that hold for ``study``: those of the full scale, or that it is not at full scale."""
    if study.dataset != "mnist":
        return {}
    if study.training.images is not None or study.training.iterations < _ENOUGH:
        said = f"trained on {study.training.images or 'all'} images in at most {study.training.iterations} iterations"
        return {
            "table*/*/nearest/*/*": _NEAREST,
            "*": f"This study is not at full scale ({said}): networks err more and their boundaries lie elsewhere.",
        }
    return EXPLANATIONS


def explanation(key: str, known: Mapping[str, str] = EXPLANATIONS) -> str:
    """Return what is known of the cell ``key``: of the first pattern that it fits; empty where nothing is."""
    return next((text for pattern, text in known.items() if fnmatchcase(key, pattern)), "")
