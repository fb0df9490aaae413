"""Anyone's model taken apart by torch.fx: its layers, and the sums, joins and factors between them.

``graph.py`` follows a model, with what changes in place noted as such (``in_place.py``); ``walk.py`` goes along its
nodes, whose values ``node_values.py`` holds, and notes each as a layer (``layers.py``; of functions by
``functional.py``, with batch norms folded in by ``folding.py``) or as a step between layers (``arithmetic.py``; what it
computes, where that is affine: ``affine.py``).
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.spectral.graph.arithmetic import Step
    from blindspots.spectral.graph.graph import trace
    from blindspots.spectral.graph.layers import Graph, Layer
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Graph": "blindspots.spectral.graph.layers",
            "Layer": "blindspots.spectral.graph.layers",
            "Step": "blindspots.spectral.graph.arithmetic",
            "trace": "blindspots.spectral.graph.graph",
        },
    )

__all__ = [
    "Graph",
    "Layer",
    "Step",
    "trace",
]
