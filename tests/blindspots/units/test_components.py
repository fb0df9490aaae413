"""Principal components against numpy's singular vectors, in every shape that they are computed by."""

import numpy as np
import pytest
import torch

from blindspots.units.components import Components
from blindspots.units.layer import LayerActivations


def layer(count: int, size: int, *, seed: int = 0) -> LayerActivations:
    draw = torch.Generator().manual_seed(seed)
    return LayerActivations.of(torch.randn(count, size, generator=draw) * torch.linspace(1, 3, size) + 0.5, top=3)


@pytest.mark.parametrize("shape", [(60, 5), (12, 60)])
@pytest.mark.parametrize("unit", [False, True])
def test_the_scores_are_numpys_left_singular_vectors(shape: tuple[int, int], unit: bool) -> None:
    of = layer(*shape)
    values = of.values[:, :, 0].double().numpy()
    if unit:
        values = values / np.linalg.norm(values, axis=1, keepdims=True)
    left, singular, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    count = int((singular**2 > 1e-4 * singular[0] ** 2).sum())
    components = Components(of, of.lengths if unit else None)
    assert components.count == count
    found = components.principal(3).double().numpy()
    np.testing.assert_allclose(found[:, :3], -found[:, 3:])
    centred = (found - found.mean(axis=0))[:, :3] / np.sqrt(shape[0] - 1)
    np.testing.assert_allclose(np.abs(np.sum(centred * left[:, :3], axis=0)), 1, atol=1e-4)


@pytest.mark.parametrize("shape", [(200, 6), (20, 60)])
def test_whitened_scores_are_uncorrelated_and_alike_in_spread(shape: tuple[int, int]) -> None:
    scores = Components(layer(*shape)).whitened(5, np.random.default_rng(0)).double().numpy()
    np.testing.assert_allclose(np.cov(scores.T), np.eye(5), atol=1e-4)


def test_components_without_variance_are_left_out() -> None:
    values = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 1e-3, 1])
    assert Components(LayerActivations.of(values, top=3)).count == 2


def test_of_maps_the_axes_are_those_of_their_largest_values() -> None:
    values = torch.randn(50, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    of = LayerActivations.of(values, top=3, maximum=True)
    largest = values.amax(dim=(2, 3)).double()
    axes = torch.linalg.svd(largest - largest.mean(dim=0)).Vh.T[:, :2].float()
    for lengths in (None, of.lengths):
        found = Components(of, None if lengths is None else torch.ones(50)).principal(2)
        wanted = torch.einsum("nchw,cm->nmhw", values, axes).amax(dim=(2, 3))
        other = torch.einsum("nchw,cm->nmhw", values, -axes).amax(dim=(2, 3))
        for column in range(2):
            ratios = [found[:, column] / each[:, column] for each in (wanted, other)]
            assert any(
                float(ratio.std() / ratio.mean()) < 1e-3 for ratio in ratios
            )  # along it, either way, some factor
    scaled = Components(of, of.lengths)
    plain = of.along(scaled._axes[:, :1].numpy())  # type: ignore[index]
    torch.testing.assert_close(scaled.principal(1)[:, :1], plain / of.lengths[:, None])
