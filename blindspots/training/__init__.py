"""A network's weights from data: full-batch L-BFGS (section 1 of the paper), Adam, the autoencoder below AE400-10.

From the ground up, each importing only from those before it:

- ``weight_vector.py``: all weights in one vector, which every objective is a function of
- ``sparse_products.py``, ``sparse_inputs.py``, ``inputs.py``: the first layer's products, without the images' zeros
- ``curvature.py``, ``penalty.py``: the inverse that L-BFGS starts from; the penalty on the layers' bounds
- ``objective.py``, ``autoencoder_objective.py``: what is minimised, with its gradient and curvature
- ``lbfgs.py``: the minimiser; ``checkpoint.py``, ``descent.py``: in segments, until a criterion is met
- ``minibatches.py``: Adam; ``codes.py``: the autoencoder's weights, and the softmax on its codes
- ``phases.py``: a whole training, from the initial weights to its end
- ``hardening/``: pools of adversarial examples at layers, and what they are held against, in minibatches
- ``layerwise/``: QuocNet, stage by stage and without labels, whole or in tiles
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.training.autoencoder_objective import AutoencoderObjective
    from blindspots.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
    from blindspots.training.lbfgs import DivergedError, minimise
    from blindspots.training.minibatches import epochs
    from blindspots.training.objective import Objective, Value
    from blindspots.training.phases import Step, train
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "AutoencoderObjective": "blindspots.training.autoencoder_objective",
            "Checkpoint": "blindspots.training.checkpoint",
            "read_checkpoint": "blindspots.training.checkpoint",
            "write_checkpoint": "blindspots.training.checkpoint",
            "DivergedError": "blindspots.training.lbfgs",
            "minimise": "blindspots.training.lbfgs",
            "epochs": "blindspots.training.minibatches",
            "Objective": "blindspots.training.objective",
            "Value": "blindspots.training.objective",
            "Step": "blindspots.training.phases",
            "train": "blindspots.training.phases",
        },
    )

__all__ = [
    "AutoencoderObjective",
    "Checkpoint",
    "DivergedError",
    "Objective",
    "Step",
    "Value",
    "epochs",
    "minimise",
    "read_checkpoint",
    "train",
    "write_checkpoint",
]
