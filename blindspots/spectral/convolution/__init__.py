"""Operator norms of convolutions with their stride, their padding and their input's size, from both sides.

``norm.py`` asks the others: ``geometry.py`` says where the taps fall, ``operator.py`` computes the layer and its
adjoint, ``lag_kernel.py`` its spectrum and ``peak.py`` where that is highest; ``circular.py`` and ``torus.py`` prove
upper bounds, ``lower.py`` finds an input that reaches the lower one. ``estimate.py`` is the fast way from below alone,
``printed_formula.py`` the paper's equation (1).
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.spectral.convolution.estimate import conv_norm_estimate
    from blindspots.spectral.convolution.norm import conv_norm, conv_norm_all_sizes, conv_transpose_norm
    from blindspots.spectral.convolution.printed_formula import equation_one
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "conv_norm": "blindspots.spectral.convolution.norm",
            "conv_norm_all_sizes": "blindspots.spectral.convolution.norm",
            "conv_norm_estimate": "blindspots.spectral.convolution.estimate",
            "conv_transpose_norm": "blindspots.spectral.convolution.norm",
            "equation_one": "blindspots.spectral.convolution.printed_formula",
        },
    )

__all__ = [
    "conv_norm",
    "conv_norm_all_sizes",
    "conv_norm_estimate",
    "conv_transpose_norm",
    "equation_one",
]
