"""What else proves radii of networks of rectifiers, as its authors call it: auto_LiRPA's CROWN and alpha-CROWN."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

_ROUNDS = 9
_STEPS = 20


def _as_it_was() -> None:
    """Put back what the release of 2022 imports of torch and numpy, and they no longer have."""
    helper: Any = import_module("torch.onnx.symbolic_helper")  # a name of its package is another module's by now
    if not hasattr(helper, "_set_opset_version"):
        helper._set_opset_version = lambda version: None
    node: Any = torch._C.Node  # type: ignore[attr-defined]
    if not hasattr(node, "__getitem__"):
        node.__getitem__ = lambda self, name: getattr(self, self.kindOf(name))(name)
    if "numpy.lib.arraysetops" not in sys.modules:
        module: Any = ModuleType("numpy.lib.arraysetops")
        module.isin = np.isin
        sys.modules["numpy.lib.arraysetops"] = module


def auto_lirpa(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, found: torch.Tensor, method: Literal["CROWN", "alpha"]
) -> torch.Tensor:
    """Return the largest radius (n,) of a ball, up to ``found``, in which it proves every lead, by bisection.

    It knows no ball and box together: the ball alone, which is what it offers for Euclidean norms.
    """
    _as_it_was()
    from auto_LiRPA import BoundedModule, BoundedTensor  # type: ignore[import-not-found]
    from auto_LiRPA.perturbations import PerturbationLpNorm  # type: ignore[import-not-found]

    bounded = BoundedModule(model, torch.empty_like(images[:1]), device="cpu")
    bounded.set_bound_opts({"optimize_bound_args": {"iteration": _STEPS, "ob_iteration": _STEPS}})
    radii = []
    for image, label, far in zip(images, labels, found, strict=True):
        classes = torch.eye(int(model(image[None]).shape[1]))
        leads = (classes[label] - classes)[torch.arange(len(classes)) != label][None]
        low, high = 0.0, float(far)
        for _ in range(_ROUNDS):
            trial = (low + high) / 2
            inside = BoundedTensor(image[None], PerturbationLpNorm(norm=2, eps=trial))
            how = "backward" if method == "CROWN" else "CROWN-Optimized"
            least, _ = bounded.compute_bounds(x=(inside,), C=leads, method=how, bound_upper=False)
            low, high = (trial, high) if float(least.detach().min()) > 0 else (low, trial)
        radii.append(low)
    return torch.tensor(radii, dtype=torch.float64)
