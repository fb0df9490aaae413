"""A layer's activations, scored along directions: which images a direction answers to most."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from blindspots.device import rows_at_once
from blindspots.errors import InputError
from blindspots.units.coherence import gram_of, span_of
from blindspots.units.frames import haar_frame, seen_frame

TOP = 8
"""Images a direction in the paper's figures."""
_MOST_REDUCED = 4000
"""Images up to which the eigenvectors of their Gram matrix cost less than directions of all dimensions."""


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """The live units of a layer on n images: the score of an image along a direction is the inner product with it.

    Of a map that is scored by its maximum the units are maps, and an image's score is the largest over the places.
    """

    values: torch.Tensor
    """(n, d, places) float32: of one place, unless the score is a maximum over several."""
    live: np.ndarray
    """(d,) which units of the layer these are."""
    size: int
    """How many units the layer has, dead ones among them."""
    top: int
    """How many images are taken to be those to which a direction answers most."""
    span: torch.Tensor | None = None
    """(n, n) the images' coordinates in their own span, where they have far fewer dimensions than units."""

    @classmethod
    def of(
        cls, outputs: torch.Tensor, *, top: int = TOP, maximum: bool = False, called: str = "the layer"
    ) -> "LayerActivations":
        """Return the live units of a layer's ``outputs`` (n, ...), which are flattened, as in the paper.

        A unit is live where its ``top`` first images are told from the rest: at least so many images lie above its
        least value. With ``maximum`` the outputs (n, maps, ...) are scored by the maximum over the places of a map.

        Raises :class:`InputError` for fewer than 2 live units, for fewer images than ``top`` + 1, and for outputs that
        are not finite.
        """
        count = len(outputs)
        if count <= top:
            raise InputError(f"{count} images are too few for the {top} that answer most: more than {top} are wanted")
        if maximum and outputs.dim() < 3:
            raise InputError(f"{called} hands on no maps but {tuple(outputs.shape[1:])} values: score its coordinates")
        values = outputs.flatten(2) if maximum else outputs.flatten(1)[:, :, None]
        parts = values.split(rows_at_once(values[0].numel()))  # of images: all at once would be as large again
        if not all(bool(part.isfinite().all()) for part in parts):
            raise InputError(f"{called} hands on values that are not finite")
        least = torch.stack([part.amax(dim=2).amin(dim=0) for part in parts]).amin(dim=0)
        above = torch.stack([(part.amax(dim=2) > least).sum(dim=0) for part in parts]).sum(dim=0)
        live = (above >= top).cpu().numpy()
        if live.sum() < 2:
            raise InputError(
                f"{called} has {int(live.sum())} live units of {len(live)} on {count} images: 2 at least are wanted"
            )
        kept = np.flatnonzero(live)
        values = values if len(kept) == values.shape[1] else values[:, torch.from_numpy(kept).to(values.device)]
        return cls(values.float(), kept, len(live), top)

    @property
    def count(self) -> int:
        """How many live units there are."""
        return self.values.shape[1]

    @property
    def dead(self) -> int:
        """How many units were left out."""
        return self.size - self.count

    @property
    def lengths(self) -> torch.Tensor:
        """The length (n,) of each image's activations; 1 where no live unit answers: divided by it, none is large."""
        found = self.values.flatten(1).norm(dim=1)
        return torch.where(found > 0, found, 1)

    @property
    def is_wide(self) -> bool:
        """Whether there are more units than images, and few enough of these for their Gram matrix."""
        count, size, _ = self.values.shape
        return size > count and count <= _MOST_REDUCED

    @cached_property
    def gram(self) -> torch.Tensor:
        """The inner products (n, n) of the images' activations, in float64."""
        return gram_of(self.values.flatten(1))

    def ready(self, width: int) -> "LayerActivations":
        """Return the same, with its span where random directions are cheaper by it; ``width`` of them are drawn."""
        count, size, places = self.values.shape
        if places > 1 or not self.is_wide or size - count < max(width, count):
            return self
        return replace(self, span=span_of(self.gram).to(self.values.dtype))

    def along_units(self, units: np.ndarray) -> torch.Tensor:
        """Return the scores (n, m) of ``units``, places in :attr:`live`."""
        return self.values[:, torch.from_numpy(units).to(self.values.device)].amax(dim=2)

    def along(self, directions: np.ndarray) -> torch.Tensor:
        """Return the scores (n, m) along ``directions`` (d, m)."""
        return self._scores(self.values, directions)

    def among(self, units: np.ndarray, directions: np.ndarray) -> torch.Tensor:
        """Return the scores (n, m) along ``directions`` (u, m) of the ``units`` (u,) alone."""
        return self._scores(self.values[:, torch.from_numpy(units).to(self.values.device)], directions)

    def along_random(self, width: int, draw: np.random.Generator) -> torch.Tensor:
        """Return the scores (n, width) along directions of a uniformly random rotation."""
        if self.span is None:
            return self.along(haar_frame(self.count, width, draw))
        frame = seen_frame(self.count, len(self.span), width, draw)
        return self.span @ torch.from_numpy(frame).to(self.span)

    @staticmethod
    def _scores(values: torch.Tensor, directions: np.ndarray) -> torch.Tensor:
        wanted = torch.from_numpy(np.ascontiguousarray(directions)).to(values)
        count, size, places = values.shape
        if places == 1:
            return values[:, :, 0] @ wanted
        scores = values.new_empty(count, wanted.shape[1])
        at_once = rows_at_once(places * (size + wanted.shape[1]))
        for start in range(0, count, at_once):
            part = values[start : start + at_once].movedim(1, 2)
            scores[start : start + at_once] = (part @ wanted).amax(dim=1)
        return scores


def top_images(scores: torch.Tensor, top: int) -> torch.Tensor:
    """Return the ``top`` images (m, top) with the largest ``scores`` (n, m), the largest first.

    Of images with equal scores, as those are that saturate a unit, the ones that come first among the images.
    """
    rows = scores.T.contiguous()
    values, indices = rows.topk(top, dim=1)
    tied = ((rows >= values[:, -1:]).sum(dim=1) > top).nonzero()[:, 0]
    if len(tied):
        indices[tied] = rows[tied].argsort(dim=1, descending=True, stable=True)[:, :top]
    return indices
