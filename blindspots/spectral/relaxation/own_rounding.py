"""What a model's own dtype may put its logits off, near an image: by where its values can be there.

As :mod:`blindspots.spectral.proof.rounding` for the whole box, but with the bounds that the relaxation has of every
value within the ball: sums of absolute terms are far smaller there.
"""

import torch

from blindspots.spectral.relaxation.backward import Ranges
from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.pieces import Pieces
from blindspots.spectral.relaxation.ranges import along


@torch.no_grad()
def own_errors(network: Pieces, box: Box, radius: torch.Tensor, known: Ranges, dtype: torch.dtype) -> torch.Tensor:
    """Return how far logits (n, k) in ``dtype`` may be off the exact ones for any image within ``radius`` (n,).

    For images of that dtype and inner products in any order (Higham 2002, section 3.1). ``known``: the bounds of every
    rectifier's input there. A pooling by the maximum rounds nothing.
    """
    # u of the dtype, and of float64, in which the proof evaluates the same maps
    limits = torch.finfo(dtype)
    unit = (limits.eps + torch.finfo(torch.float64).eps) / 2
    values = along(network, box, radius, known)
    errors: list[torch.Tensor] = []
    for node in network.nodes:
        if not node.inputs:
            errors.append(torch.zeros((1, *node.shape), dtype=torch.float64, device=radius.device))
            continue
        if node.rectified:
            errors.append(errors[node.inputs[0]])
            continue
        if node.largest is not None:
            source, index = node.largest
            errors.append(errors[source].flatten(1)[:, index].amax(dim=1).reshape(-1, *node.shape))
            continue
        largest, spread = node.terms.expand(1, *node.shape), node.terms * 0
        terms = 2 + len(node.inputs)
        for place, each in zip(node.inputs, node.maps, strict=True):
            size = torch.maximum(-values[place].low, values[place].high)
            positive = each.absolute()
            largest = largest + positive.apply(size + errors[place])
            spread = spread + positive.apply(errors[place])
            terms += each.terms
        # t u / (1 - t u) of the absolute terms; underflow, of a product with what is not above the largest of them
        share = terms * unit / (1 - terms * unit) if terms * unit < 1 else torch.inf
        tiny = 2 * terms * limits.tiny * (1 + largest.flatten(1).amax(dim=1))
        error = spread + share * largest + tiny.reshape(-1, *[1] * len(node.shape))
        errors.append(error.masked_fill(largest > limits.max, torch.inf))
    return errors[-1] * (1 + 1e-6)
