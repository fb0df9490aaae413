"""Linear detectors on frozen features (Figure 6): how well they tell pictures apart, and how they are misled.

- ``linear.py``: logistic regression, its cross-validation; ``ranking.py``: the area under the ROC curve, with interval
- ``extractors.py``: what gives features of an image; ``detector.py``: extractor and classifier as one model
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.detectors.detector import Detector
    from blindspots.detectors.linear import Linear, cross_validated, fit_linear
    from blindspots.detectors.ranking import Area, AreaDifference, area_difference, area_under_curve
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Area": "blindspots.detectors.ranking",
            "AreaDifference": "blindspots.detectors.ranking",
            "Detector": "blindspots.detectors.detector",
            "Linear": "blindspots.detectors.linear",
            "area_difference": "blindspots.detectors.ranking",
            "area_under_curve": "blindspots.detectors.ranking",
            "cross_validated": "blindspots.detectors.linear",
            "fit_linear": "blindspots.detectors.linear",
        },
    )

__all__ = [
    "Area",
    "AreaDifference",
    "Detector",
    "Linear",
    "area_difference",
    "area_under_curve",
    "cross_validated",
    "fit_linear",
]
