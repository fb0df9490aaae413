"""Principal components of a layer's activations: directions that depend on what the layer answers to."""

import numpy as np
import torch

from blindspots.units.frames import haar_frame
from blindspots.units.layer import LayerActivations

_LEAST = 1e-4  # of the largest variance: what has less is taken for none
_MOST = 2000
"""Images that the components are computed from at most, and the most components."""


class Components:
    """The principal components of a layer, strongest first, with the scores of its images along them.

    Neither an offset nor a factor of a direction's scores changes which images come first, so that the scores are kept
    centred and divided by their deviations: whitened.
    """

    def __init__(self, layer: LayerActivations, lengths: torch.Tensor | None = None) -> None:
        """Compute the components of ``layer``, each image's activations divided by its ``lengths`` (n,) where given.

        Of the first 2000 images. Where a score is a maximum over places, of the maps' largest values.
        """
        self._layer, self._lengths = layer, lengths
        self._axes: torch.Tensor | None = None
        self._scores: torch.Tensor | None = None
        count, _, places = layer.values.shape
        if places == 1 and layer.is_wide and count <= _MOST:
            self._scores = _of_gram(layer.gram, lengths)
            return
        flat = layer.values.amax(dim=2)
        if lengths is not None:
            flat = flat / lengths[:, None]
        axes = _axes(flat[:_MOST])
        if places == 1:
            self._scores = flat @ axes
        else:
            self._axes = axes

    @property
    def count(self) -> int:
        """How many components there are."""
        found = self._axes if self._axes is not None else self._scores
        assert found is not None
        return found.shape[1]

    def principal(self, width: int) -> torch.Tensor:
        """Return the scores (n, w) along the strongest components, either way along each, ``width`` of them at most."""
        if self._scores is not None:
            first = self._scores[:, :width]
            return torch.cat([first, -first], dim=1)
        assert self._axes is not None
        axes = self._axes[:, :width].cpu().numpy()
        return self._along(np.concatenate([axes, -axes], axis=1))

    def whitened(self, width: int, draw: np.random.Generator) -> torch.Tensor:
        """Return the scores (n, w) along directions that are uniform once the activations are whitened.

        ``C^(-1/2) u`` for u of a random rotation: along it the activations are what the whitened ones are along u.
        """
        turned = haar_frame(self.count, min(width, self.count), draw)
        if self._scores is not None:
            return self._scores @ torch.from_numpy(turned).to(self._scores)
        assert self._axes is not None
        return self._along(self._axes.cpu().numpy() @ turned)

    def _along(self, directions: np.ndarray) -> torch.Tensor:
        scores = self._layer.along(directions)
        return scores if self._lengths is None else scores / self._lengths[:, None]


def _axes(flat: torch.Tensor) -> torch.Tensor:
    """Return the principal axes (d, r) of ``flat`` (n, d), each divided by the deviation along it."""
    centred = flat.double() - flat.double().mean(dim=0)
    count, size = centred.shape
    if size <= count:
        squares, axes = torch.linalg.eigh(centred.T @ centred)
    else:
        squares, left = torch.linalg.eigh(centred @ centred.T)
        axes = centred.T @ left
    kept = (squares > _LEAST * squares[-1]).nonzero()[:, 0].flip(0)
    axes = axes[:, kept]
    scaled: torch.Tensor = axes / axes.norm(dim=0) * ((count - 1) / squares[kept]).sqrt()
    return scaled.to(flat.dtype)


def _of_gram(gram: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return the whitened scores (n, r) from the Gram matrix (n, n): its eigenvectors, once it is centred."""
    if lengths is not None:
        gram = gram / (lengths.double()[:, None] * lengths.double()[None])
    means = gram.mean(dim=0)
    centred = gram - means[:, None] - means[None] + means.mean()
    squares, left = torch.linalg.eigh(centred)
    kept = (squares > _LEAST * squares[-1]).nonzero()[:, 0].flip(0)
    scores: torch.Tensor = left[:, kept] * (len(gram) - 1) ** 0.5
    return scores.float()
