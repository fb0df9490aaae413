"""How far a layer, or a whole network, can spread two inputs apart (section 4.3), and what that proves of images.

Operator norms of convolutions and matrices, one rule for each other kind of layer, a walk along anyone's model, and
certificates. Everything is a bound that holds in spite of rounding. From the ground up, each importing only from those
before it:

- ``matrix/``: what a bound is; the norm of a matrix, and how bounds of norms are found and proved
- ``convolution/``: norms of convolutions with their stride, padding and input's size
- ``rules/``: one rule a kind of layer; :data:`RULES` takes more
- ``graph/``: a model taken apart into layers and what happens between them
- ``network.py``, ``spectrum.py``: the layers' bounds put together; what lies behind a norm
- ``relaxation/``: networks that are linear in pieces, bounded near an image
- ``proof/``: radii within which no image is misread
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.spectral.convolution.norm import conv_norm, conv_norm_all_sizes, conv_transpose_norm
    from blindspots.spectral.convolution.printed_formula import equation_one
    from blindspots.spectral.graph.graph import trace
    from blindspots.spectral.graph.layers import Graph
    from blindspots.spectral.matrix.bound import Bound, NoRuleError
    from blindspots.spectral.matrix.norm import linear_norm
    from blindspots.spectral.network import bound_layer, network_bounds
    from blindspots.spectral.proof.certificate import certified_radius
    from blindspots.spectral.rules.rules import RULES, layer_bound
    from blindspots.spectral.spectrum import layer_spectra
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Bound": "blindspots.spectral.matrix.bound",
            "Graph": "blindspots.spectral.graph.layers",
            "NoRuleError": "blindspots.spectral.matrix.bound",
            "RULES": "blindspots.spectral.rules.rules",
            "bound_layer": "blindspots.spectral.network",
            "certified_radius": "blindspots.spectral.proof.certificate",
            "conv_norm": "blindspots.spectral.convolution.norm",
            "conv_norm_all_sizes": "blindspots.spectral.convolution.norm",
            "conv_transpose_norm": "blindspots.spectral.convolution.norm",
            "equation_one": "blindspots.spectral.convolution.printed_formula",
            "layer_bound": "blindspots.spectral.rules.rules",
            "layer_spectra": "blindspots.spectral.spectrum",
            "linear_norm": "blindspots.spectral.matrix.norm",
            "network_bounds": "blindspots.spectral.network",
            "trace": "blindspots.spectral.graph.graph",
        },
    )

__all__ = [
    "RULES",
    "Bound",
    "Graph",
    "NoRuleError",
    "bound_layer",
    "certified_radius",
    "conv_norm",
    "conv_norm_all_sizes",
    "conv_transpose_norm",
    "equation_one",
    "layer_bound",
    "layer_spectra",
    "linear_norm",
    "network_bounds",
    "trace",
]
