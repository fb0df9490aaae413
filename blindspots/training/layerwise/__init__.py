"""QuocNet's weights, stage by stage and without labels (Le et al. 2011), whole or in tiles.

- ``tile.py``: places shared out in rectangles, what their fields see, and sums over tiles
- ``objective.py``: reconstruction and pooled sparsity, with their gradient; ``descent.py``: Adam, value by value
- ``replicas.py``: a minibatch shared out, and gradients summed in one order
- ``step.py``: a step of one tile, of all in memory, and the objective of whole inputs
- ``zca.py``, ``inputs.py``: what is shown; ``plan.py``: what a worker needs of memory
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.training.layerwise.descent import initial_state
    from blindspots.training.layerwise.inputs import squares
    from blindspots.training.layerwise.plan import tile_memory
    from blindspots.training.layerwise.step import steps_in_memory, whole_losses
    from blindspots.training.layerwise.tile import Tile, tiles_of
    from blindspots.training.layerwise.zca import whitening
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Tile": "blindspots.training.layerwise.tile",
            "initial_state": "blindspots.training.layerwise.descent",
            "squares": "blindspots.training.layerwise.inputs",
            "steps_in_memory": "blindspots.training.layerwise.step",
            "tile_memory": "blindspots.training.layerwise.plan",
            "tiles_of": "blindspots.training.layerwise.tile",
            "whitening": "blindspots.training.layerwise.zca",
            "whole_losses": "blindspots.training.layerwise.step",
        },
    )

__all__ = [
    "Tile",
    "initial_state",
    "squares",
    "steps_in_memory",
    "tile_memory",
    "tiles_of",
    "whitening",
    "whole_losses",
]
