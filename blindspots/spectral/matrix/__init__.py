"""What is known of a Lipschitz constant, the norm of a matrix, and what every bound of a norm is made of.

``norm.py`` finds a matrix's norm from below by ``lanczos.py`` and proves it from above by ``semidefinite.py``;
``scaling.py`` keeps squares from overflowing, ``values.py`` says which numbers are taken and with which arithmetic.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.spectral.matrix.bound import Bound, NoRuleError
    from blindspots.spectral.matrix.lanczos import top_eigenpair
    from blindspots.spectral.matrix.norm import linear_norm, linear_norm_estimate
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Bound": "blindspots.spectral.matrix.bound",
            "NoRuleError": "blindspots.spectral.matrix.bound",
            "linear_norm": "blindspots.spectral.matrix.norm",
            "linear_norm_estimate": "blindspots.spectral.matrix.norm",
            "top_eigenpair": "blindspots.spectral.matrix.lanczos",
        },
    )

__all__ = [
    "Bound",
    "NoRuleError",
    "linear_norm",
    "linear_norm_estimate",
    "top_eigenpair",
]
