"""What the bounds prove of images: no change smaller than this makes a model misread one.

``certificate.py`` gives radii for the model over the reals, by the layers' product or, for sigmoid networks, by the
layers together (``sigmoid_bound.py``) or by how the network bends near the image (``local.py`` and what it asks), or,
for networks that are linear in pieces, by linear bounds near the image (:mod:`blindspots.spectral.relaxation`);
``rounded_product.py`` gives lower bounds for a model as evaluated in its own dtype (``rounding.py``).
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.spectral.proof.certificate import Certified, certified_radius
    from blindspots.spectral.proof.rounded_product import lower_bound
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Certified": "blindspots.spectral.proof.certificate",
            "certified_radius": "blindspots.spectral.proof.certificate",
            "lower_bound": "blindspots.spectral.proof.rounded_product",
        },
    )

__all__ = [
    "Certified",
    "certified_radius",
    "lower_bound",
]
