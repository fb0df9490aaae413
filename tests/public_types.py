"""The public API as a user's type checker sees it: ``mypy --strict`` reads this file with the package.

Where something public had no types, it would be ``Any``: ``assert_type`` would fail, and so would the comments on what
is wrong, each of which has to be needed. Nobody runs this file.
"""

from typing import assert_type

import torch
import xarray as xr
from torch import nn

import blindspots
from blindspots import Results, certified_radius, conv_norm, minimum_distortion, network_bounds
from blindspots.distortion import MinimumDistortion
from blindspots.spectral import Bound
from blindspots.spectral import conv_norm as norm_of_the_folder
from blindspots.study.study import Study


def right(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> None:
    """What is right is right, and its results have types."""
    assert_type(blindspots.__version__, str)

    found = minimum_distortion(model, images, labels, rule="nearest")
    assert_type(found, MinimumDistortion)
    assert_type(found.distortion, torch.Tensor)
    assert_type(minimum_distortion(lambda values: values, images, labels, rule="nearest", seed=1), MinimumDistortion)

    bound = conv_norm(weight, input_size=(8, 8), padding="same")
    assert_type(bound, Bound)
    assert_type(norm_of_the_folder(weight, input_size=(8, 8)), Bound)
    assert_type(bound.upper, float)

    assert_type(network_bounds(model, (1, 2, 2)), xr.Dataset)

    with Results("root") as results:
        assert_type(results, Results)
        assert_type(results.study, Study)
        assert_type(results.tree, xr.DataTree)
        assert_type(results.table("1"), xr.Dataset | None)
        assert_type(results.group("transfer"), xr.Dataset)
        assert_type(results.network("fc10"), nn.Module)
        assert_type(results.network("fc10", 1), nn.Module)


def mistaken(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> None:
    """What is wrong is seen to be."""
    found = minimum_distortion(model, images, labels, rule="nearest")
    minimum_distortion(model, images, "labels")  # type: ignore[arg-type]
    minimum_distortion(model, images, labels, 7)  # type: ignore[call-arg]
    wrong = [found.distorsion]  # type: ignore[attr-defined]
    conv_norm(weight)  # type: ignore[call-arg]
    conv_norm(weight, input_size=8.0)  # type: ignore[arg-type]
    text: str = conv_norm(weight, input_size=(8, 8)).upper  # type: ignore[assignment]
    network_bounds(model, "1x2x2")  # type: ignore[arg-type]
    network_bounds(model)  # type: ignore[call-arg]
    certified_radius(model, 7, labels)  # type: ignore[arg-type]
    with Results(7) as results:  # type: ignore[arg-type]
        results.network(7)  # type: ignore[arg-type]
        wrong += [results.studies]  # type: ignore[attr-defined]
    wrong += [blindspots.minimal_distortion]  # type: ignore[attr-defined]
    assert text, wrong
