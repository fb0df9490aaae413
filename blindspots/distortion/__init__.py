"""The search for the least distortion at which a model misreads an image (section 4.1), and its exact oracle.

:func:`minimum_distortion` is the way in. A search is told *what* counts by a rule, which becomes a criterion
(:class:`AnyOther`, :class:`Towards`), and *how* by a method (:class:`Auto`, :class:`Lbfgs`, :class:`Projection`).

``search`` is the way in and ``strategy`` the order in which methods are tried; ``lbfgs/`` holds the paper's method,
``projection/`` the sequential projection, ``exact/`` the linear model's least distortion in closed form.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.distortion.criteria import RULES, AnyOther, Criterion, Towards, random_targets
    from blindspots.distortion.exact.linear import ExactDistortion, exact_linear_distortion
    from blindspots.distortion.methods import METHODS, Auto, Lbfgs, Method, Projection
    from blindspots.distortion.result import MinimumDistortion
    from blindspots.distortion.search import distances_to_all, minimum_distortion
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "AnyOther": "blindspots.distortion.criteria",
            "Auto": "blindspots.distortion.methods",
            "Criterion": "blindspots.distortion.criteria",
            "ExactDistortion": "blindspots.distortion.exact.linear",
            "Lbfgs": "blindspots.distortion.methods",
            "METHODS": "blindspots.distortion.methods",
            "Method": "blindspots.distortion.methods",
            "MinimumDistortion": "blindspots.distortion.result",
            "Projection": "blindspots.distortion.methods",
            "RULES": "blindspots.distortion.criteria",
            "Towards": "blindspots.distortion.criteria",
            "distances_to_all": "blindspots.distortion.search",
            "exact_linear_distortion": "blindspots.distortion.exact.linear",
            "minimum_distortion": "blindspots.distortion.search",
            "random_targets": "blindspots.distortion.criteria",
        },
    )

__all__ = [
    "METHODS",
    "RULES",
    "AnyOther",
    "Auto",
    "Criterion",
    "ExactDistortion",
    "Lbfgs",
    "Method",
    "MinimumDistortion",
    "Projection",
    "Towards",
    "distances_to_all",
    "exact_linear_distortion",
    "minimum_distortion",
    "random_targets",
]
