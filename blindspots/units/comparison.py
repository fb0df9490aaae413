"""A layer's units held against other directions: how alike, and how many, the images are that each answers to most."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from blindspots.errors import InputError
from blindspots.randomness import generator
from blindspots.units.coherence import Measure, distinct
from blindspots.units.components import Components
from blindspots.units.frames import nonnegative_directions, partial_rotations
from blindspots.units.layer import LayerActivations, top_images

UNITS, RANDOM, NONNEGATIVE, WHITENED, PRINCIPAL = "units", "random", "nonnegative", "whitened", "principal"
TURNED = "turned"
"""The kinds of direction."""
RAW, UNIT_LENGTH = VIEWS = ("raw", "unit-length")
"""How a picture's activations are taken: as they are, or divided by their length."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What the sets of one basis are like."""

    coherence: np.ndarray
    """(measures,) the mean over the basis' directions."""
    distinct: float
    """Different images in its sets, as a share of what they could hold: directions times ``top``."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The units of a layer beside bases of other directions."""

    size: int
    """Units that the layer has."""
    dead: int
    """Those of them that were left out."""
    units: np.ndarray
    """(m,) the units that were looked at: all live ones, or as many as asked for, drawn by the seed."""
    measures: tuple[str, ...]
    chance: np.ndarray
    """(measures,) what sets of random images have."""
    unit_coherence: np.ndarray
    """(m, measures) of each unit's set."""
    random_coherence: np.ndarray
    """(w, measures) of the set of each direction of the first random rotation."""
    bases: dict[str, list[Basis]]
    """By the kind of direction: one of the units, ``rotations`` of random ones, a few of the others."""
    unit_tops: np.ndarray
    """(m, top) the images to which the units answer most, as indices of the images, the first first."""
    random_tops: np.ndarray
    """(w, top) the same of the first random rotation."""


def turned(dose: float) -> str:
    """Return the kind of a basis that is turned by ``dose`` of the way to a random one."""
    return f"{TURNED}-{dose:g}"


def compare_units(
    layer: LayerActivations,
    measures: Mapping[str, Measure],
    *,
    rotations: int = 199,
    bases: int = 10,
    directions: int = 256,
    doses: tuple[float, ...] = (0.25, 0.5, 0.75),
    seed: int = 0,
    purpose: tuple[str, ...] = (),
    on_basis: Callable[[], None] = lambda: None,
) -> dict[str, Comparison]:
    """Return the units of ``layer`` beside ``rotations`` random rotations and ``bases`` of each other kind.

    Twice, by how the activations are taken: :data:`RAW`, and at :data:`UNIT_LENGTH`, each image's divided by their
    length, so that no image comes first along many directions for being large.

    ``directions``: most of one basis; of a larger layer as many units are drawn, and of each random rotation as many
    directions, so that under "the units are one of the rotations" all are alike in law. The other kinds: directions
    without negative parts; uniform in the whitened activations; principal axes, either way along each; and the units
    turned among themselves by ``doses`` of the way to a random rotation. ``seed`` and ``purpose`` decide what is drawn.
    ``on_basis`` is called after each.

    Raises :class:`InputError` for fewer than one rotation or measure.
    """
    if rotations < 1 or not measures:
        raise InputError(f"{rotations} rotations and {len(measures)} measures: one of each at least is wanted")
    width = min(layer.count, directions)
    chosen = np.sort(generator(seed, "units", "chosen", *purpose).permutation(layer.count)[:width])
    lengths = layer.lengths[:, None]
    seen = _Seen(measures, layer.top, lengths)
    with_span = layer.ready(width)
    tops = seen.basis(UNITS, layer.along_units(chosen))
    random: dict[str, torch.Tensor] = {}
    for index in range(rotations):
        scores = with_span.along_random(width, generator(seed, "units", RANDOM, *purpose, index=index))
        found = seen.basis(RANDOM, scores)
        random = random or found
        on_basis()
    if bases:
        _see_others(seen, layer, chosen, bases, doses, seed, purpose, on_basis)
    return {
        view: Comparison(
            size=layer.size,
            dead=layer.dead,
            units=layer.live[chosen],
            measures=tuple(measures),
            chance=np.array([measure.chance for measure in measures.values()]),
            unit_coherence=seen.coherence(tops[view]),
            random_coherence=seen.coherence(random[view]),
            bases=seen.bases[view],
            unit_tops=tops[view].cpu().numpy(),
            random_tops=random[view].cpu().numpy(),
        )
        for view in VIEWS
    }


class _Seen:
    """The bases that were looked at so far, raw and at unit length."""

    def __init__(self, measures: Mapping[str, Measure], top: int, lengths: torch.Tensor) -> None:
        self._measures, self._top, self._lengths = measures, top, lengths
        self.bases: dict[str, dict[str, list[Basis]]] = {view: {} for view in VIEWS}

    def basis(self, kind: str, scores: torch.Tensor) -> dict[str, torch.Tensor]:
        """Look at the ``scores`` (n, m) of a basis in both views, and return its sets (m, top).

        An inner product with activations of length 1 is the one with them as they are, divided by their length: one
        product serves both.
        """
        return {
            RAW: self.in_view(RAW, kind, scores),
            UNIT_LENGTH: self.in_view(UNIT_LENGTH, kind, scores / self._lengths),
        }

    def in_view(self, view: str, kind: str, scores: torch.Tensor) -> torch.Tensor:
        """Look at the ``scores`` (n, m) of a basis in one view, and return its sets (m, top)."""
        tops = top_images(scores, self._top)
        basis = Basis(self.coherence(tops).mean(axis=0), distinct(tops) / tops.numel())
        self.bases[view].setdefault(kind, []).append(basis)
        return tops

    def coherence(self, tops: torch.Tensor) -> np.ndarray:
        """Return how alike the images of each set are (m, measures)."""
        return np.stack([measure.of(tops).cpu().numpy() for measure in self._measures.values()], axis=1)


def _see_others(
    seen: _Seen,
    layer: LayerActivations,
    chosen: np.ndarray,
    bases: int,
    doses: tuple[float, ...],
    seed: int,
    purpose: tuple[str, ...],
    on_basis: Callable[[], None],
) -> None:
    """Look at every basis that is neither the units nor a random rotation."""
    width = len(chosen)
    for view in VIEWS:
        components = Components(layer, layer.lengths if view == UNIT_LENGTH else None)
        seen.in_view(view, PRINCIPAL, components.principal(width))
        for index in range(bases):
            draw = generator(seed, "units", WHITENED, *purpose, index=index)
            seen.in_view(view, WHITENED, components.whitened(width, draw))
    for index in range(bases):
        draw = generator(seed, "units", NONNEGATIVE, *purpose, index=index)
        seen.basis(NONNEGATIVE, layer.along(nonnegative_directions(layer.count, width, draw)))
        on_basis()
        draw = generator(seed, "units", TURNED, *purpose, index=index)
        for dose, rotation in zip(doses, partial_rotations(width, doses, draw), strict=True):
            seen.basis(turned(dose), layer.among(chosen, rotation))
