"""The two paths of the work between passes of the model: torch operations on any device, compiled kernels on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from blindspots.distortion.lbfgs.lbfgs import Minimiser
from blindspots.distortion.lbfgs.torch_lbfgs import TorchMinimiser
from blindspots.distortion.projection.half_space import project
from blindspots.distortion.projection.polyhedron import project_onto_all
from blindspots.distortion.projection.projection import Rounds
from blindspots.distortion.projection.torch_projection import TorchRounds
from blindspots.errors import InputError

Path = Literal["auto", "fused", "torch"]
PATHS = ("auto", "fused", "torch")


@dataclass(frozen=True)
class RowWork:
    """What a search does with rows, apart from showing them to the model."""

    rounds: Rounds
    """Of the sequential projection."""
    minimiser: Minimiser
    """Of L-BFGS."""
    project: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    """As :func:`blindspots.distortion.projection.half_space.project`."""
    project_onto_all: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    """As :func:`blindspots.distortion.projection.polyhedron.project_onto_all`."""


def row_work(path: Path, device: torch.device) -> RowWork:
    """Return the work on ``path``; raise :class:`InputError` for a path there is none of, or none of on the device."""
    if path not in PATHS:
        raise InputError(f"no path is called {path!r}; give one of {', '.join(PATHS)}")
    if path == "fused" and device.type != "cpu":
        raise InputError(f"the fused path is for CPUs, the images are on {device}; give path='torch' or 'auto'")
    if path == "torch" or device.type != "cpu":
        return RowWork(TorchRounds(), TorchMinimiser(), project, project_onto_all)
    from blindspots.distortion.lbfgs.fused_lbfgs import FusedMinimiser
    from blindspots.distortion.projection.fused_polyhedron import fused_project_onto_all
    from blindspots.distortion.projection.fused_projection import FusedRounds, fused_project

    return RowWork(FusedRounds(), FusedMinimiser(), fused_project, fused_project_onto_all)
