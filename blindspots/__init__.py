"""The blind spots of neural networks: the library under the workflow. Importing it loads nothing heavy."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "InputError": "blindspots.errors",
    "Study": "blindspots.study.study",
    "load_study": "blindspots.study.file",
    "minimum_distortion": "blindspots.distortion.search",
    "distances_to_all": "blindspots.distortion.search",
    "exact_linear_distortion": "blindspots.distortion.exact.linear",
    "conv_norm": "blindspots.spectral.convolution.norm",
    "linear_norm": "blindspots.spectral.matrix.norm",
    "network_bounds": "blindspots.spectral.network",
    "certified_radius": "blindspots.spectral.proof.certificate",
    "run_study": "blindspots.jobs.run",
    "open_study": "blindspots.results.tree",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'blindspots' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return __all__
