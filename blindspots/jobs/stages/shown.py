"""What a model reads in a set of the store, or in images as they are.

Jobs show a set to one model after another, so a shard is decoded, and made ready to be shown, once for as many models
as follow; and a model reads the images as they are once for all the sets that are made of them.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from weakref import WeakKeyDictionary

import numpy as np
import torch

from blindspots.device import BATCH, rows_at_once
from blindspots.jobs.kept import Kept
from blindspots.jobs.stages.adversarial_sets import AdversarialSet
from blindspots.jobs.stages.example_set import ExampleSet
from blindspots.jobs.workspace import Workspace
from blindspots.transfer import VARIANTS, Counts, counted, distortion_of, shown

_READ = ("perturbation", "example", "target")
_MOST_BYTES = 64 * 2**20
"""Of shards; of the images that are made of them, which may be shown in four ways, twice that."""
_MOST_CLEAN_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Reading:
    """What was read in images that were shown."""

    counts: Counts
    predicted: np.ndarray
    """(n,) the class that was read in each."""


@dataclass(frozen=True)
class _Shard:
    """A shard of a set as it is stored, beside the images that it is made of."""

    ids: np.ndarray
    images: torch.Tensor
    labels: torch.Tensor
    perturbation: torch.Tensor
    targets: torch.Tensor | None


@dataclass(frozen=True)
class _Exhibit:
    """Images as they are shown, and the sum of their distortions."""

    images: torch.Tensor
    distortion: float


_shards: Kept[_Shard] = Kept(_MOST_BYTES)
_exhibits: Kept[_Exhibit] = Kept(2 * _MOST_BYTES)
_clean: WeakKeyDictionary[torch.nn.Module, Kept[torch.Tensor]] = WeakKeyDictionary()
"""What each model reads in shards' images as they are."""


def read_set(
    workspace: Workspace, model: torch.nn.Module, job: ExampleSet, variants: Sequence[str]
) -> dict[str, Reading]:
    """Show a set to ``model`` in each of the ways ``variants``, shard by shard."""
    totals = dict.fromkeys(variants, Counts())
    parts: dict[str, list[np.ndarray]] = {variant: [] for variant in variants}
    for index in range(job.shards(workspace)):
        key = _key(workspace, job, index)
        shard = _shards.get(key, partial(_read, workspace, job, index), size=_bytes, group=job.key)
        clean = _read_in_clean(workspace, model, job.split, shard)
        for variant in variants:
            amplified_to = None if variant == VARIANTS[0] else workspace.study.sets.amplified_to
            make = partial(_exhibit, shard, variant, amplified_to)
            exhibit = _exhibits.get((*key, variant, amplified_to), make, size=_bytes, group=job.key)
            with torch.inference_mode():
                predicted = model(exhibit.images).argmax(1)
            totals[variant] += counted(
                predicted, shard.labels, clean_predicted=clean, targets=shard.targets, distortion=exhibit.distortion
            )
            parts[variant].append(predicted.cpu().numpy())
    return {variant: Reading(totals[variant], np.concatenate(parts[variant])) for variant in variants}


def _key(workspace: Workspace, job: ExampleSet, index: int) -> tuple[Hashable, ...]:
    """Return what decides the content of a shard: where it lies, and what changes whenever one of its files does."""
    files = job.files(workspace, index)
    stamps = workspace.place.map(workspace.place.stamp, [files[name] for name in _names(job)])
    return workspace.place, job.key, index, *stamps, workspace.dataset.sha256, workspace.device


def _names(job: ExampleSet) -> tuple[str, ...]:
    return _READ if isinstance(job, AdversarialSet) else _READ[:2]


def _read(workspace: Workspace, job: ExampleSet, index: int) -> _Shard:
    arrays = job.read_as_made(workspace, index, _names(job))
    images, labels = _images(workspace, job.split, arrays["example"])
    perturbation = torch.tensor(arrays["perturbation"], device=workspace.device)
    targets = torch.tensor(arrays["target"], device=workspace.device) if "target" in arrays else None
    return _Shard(arrays["example"], images, labels, perturbation, targets)


def _exhibit(shard: _Shard, variant: str, amplified_to: float | None) -> _Exhibit:
    with torch.inference_mode():
        images = shown(shard.images, shard.perturbation, variant=variant, amplified_to=amplified_to or 0.0)
        return _Exhibit(images, distortion_of(images, shard.images))


def _read_in_clean(workspace: Workspace, model: torch.nn.Module, split: str, shard: _Shard) -> torch.Tensor:
    """Return what ``model`` reads in a shard's images as they are."""

    def read() -> torch.Tensor:
        with torch.inference_mode():
            predicted: torch.Tensor = model(shard.images).argmax(1)
        return predicted

    key = (workspace.dataset.sha256, split, shard.ids.tobytes())
    known = _clean.setdefault(model, Kept(_MOST_CLEAN_BYTES))
    return known.get(key, read, size=lambda predicted: 2 * predicted.nbytes)


def _bytes(kept: _Shard | _Exhibit) -> int:
    return sum(value.nbytes for value in vars(kept).values() if isinstance(value, torch.Tensor))


def read_clean(workspace: Workspace, model: torch.nn.Module, split: str, ids: np.ndarray) -> Reading:
    """Show ``model`` the images ``ids`` of a split as they are."""
    total, parts = Counts(), []
    at_once = rows_at_once(prod(workspace.dataset.shape), most=2 * BATCH)
    for start in range(0, len(ids), at_once):
        images, labels = _images(workspace, split, ids[start : start + at_once])
        with torch.inference_mode():
            predicted = model(images).argmax(1)
        total += counted(predicted, labels, clean_predicted=predicted)
        parts.append(predicted.cpu().numpy())
    return Reading(total, np.concatenate(parts))


def _images(workspace: Workspace, split: str, ids: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    images = workspace.dataset.images(split, ids).to(workspace.device)
    return images, workspace.dataset.labels(split, ids).to(workspace.device)
