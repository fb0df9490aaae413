"""What a model reads in a set of the store, or in images as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch

from blindspots.device import BATCH, rows_at_once
from blindspots.jobs.stages.adversarial_sets import AdversarialSet
from blindspots.jobs.stages.example_set import ExampleSet
from blindspots.jobs.workspace import Workspace
from blindspots.transfer import Counts, counted, read_in

_READ = ("perturbation", "example", "target")


@dataclass(frozen=True)
class Reading:
    """What was read in images that were shown."""

    counts: Counts
    predicted: np.ndarray
    """(n,) the class that was read in each."""


def read_set(
    workspace: Workspace, model: torch.nn.Module, job: ExampleSet, variants: Sequence[str]
) -> dict[str, Reading]:
    """Show a set to ``model`` in each of the ways ``variants``, shard by shard."""
    adversarial = isinstance(job, AdversarialSet)
    totals = dict.fromkeys(variants, Counts())
    parts: dict[str, list[np.ndarray]] = {variant: [] for variant in variants}
    for index in range(job.shards(workspace)):
        arrays = job.read(workspace, index, _READ if adversarial else _READ[:2])
        images, labels = _images(workspace, job.split, arrays["example"])
        perturbation = torch.tensor(arrays["perturbation"], device=workspace.device)
        targets = torch.tensor(arrays["target"], device=workspace.device) if adversarial else None
        with torch.inference_mode():
            clean = model(images).argmax(1)
        for variant in variants:
            predicted, distortion = read_in(
                model, images, perturbation, variant=variant, amplified_to=workspace.study.sets.amplified_to
            )
            totals[variant] += counted(predicted, labels, clean_predicted=clean, targets=targets, distortion=distortion)
            parts[variant].append(predicted.cpu().numpy())
    return {variant: Reading(totals[variant], np.concatenate(parts[variant])) for variant in variants}


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
