"""The blind spots of neural networks: the library under the workflow. Importing it loads nothing heavy.

What most people ask for is here by name; the rest is in the folders, each of which says in its docstring what it has.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.distortion.exact.linear import exact_linear_distortion
    from blindspots.distortion.search import distances_to_all, minimum_distortion
    from blindspots.errors import InputError
    from blindspots.jobs.run import run_study
    from blindspots.results.loading import load_dataset, load_model
    from blindspots.results.queries.asking import ask
    from blindspots.results.results import Results
    from blindspots.results.tree import open_study
    from blindspots.spectral.convolution.norm import conv_norm
    from blindspots.spectral.matrix.norm import linear_norm
    from blindspots.spectral.network import network_bounds
    from blindspots.spectral.proof.certificate import certified_radius
    from blindspots.study.file import load_study
    from blindspots.study.study import Study
    from blindspots.version import __version__
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "InputError": "blindspots.errors",
            "Results": "blindspots.results.results",
            "Study": "blindspots.study.study",
            "__version__": "blindspots.version",
            "ask": "blindspots.results.queries.asking",
            "certified_radius": "blindspots.spectral.proof.certificate",
            "conv_norm": "blindspots.spectral.convolution.norm",
            "distances_to_all": "blindspots.distortion.search",
            "exact_linear_distortion": "blindspots.distortion.exact.linear",
            "linear_norm": "blindspots.spectral.matrix.norm",
            "load_dataset": "blindspots.results.loading",
            "load_model": "blindspots.results.loading",
            "load_study": "blindspots.study.file",
            "minimum_distortion": "blindspots.distortion.search",
            "network_bounds": "blindspots.spectral.network",
            "open_study": "blindspots.results.tree",
            "run_study": "blindspots.jobs.run",
        },
    )

__all__ = [
    "InputError",
    "Results",
    "Study",
    "__version__",
    "ask",
    "certified_radius",
    "conv_norm",
    "distances_to_all",
    "exact_linear_distortion",
    "linear_norm",
    "load_dataset",
    "load_model",
    "load_study",
    "minimum_distortion",
    "network_bounds",
    "open_study",
    "run_study",
]
