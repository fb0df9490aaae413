"""What jobs share that go on from the least distortions of a model, over the beginning of its nearest set."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from blindspots.identity import identity
from blindspots.jobs.stages.adversarial_sets import AdversarialSet
from blindspots.jobs.stages.example_set import ExampleSet
from blindspots.jobs.stages.trainings import model_effort
from blindspots.jobs.workspace import Workspace
from blindspots.names import NEAREST
from blindspots.store import layout
from blindspots.store.arrays import read_rows
from blindspots.study.study import Study

_LEASTS = ("example", "distortion", "success")


@dataclass(frozen=True)
class BeginningOfNearest(ExampleSet):
    """Something about each of the first images of one model's nearest set."""

    model: str
    seed: int

    @property
    def nearest(self) -> AdversarialSet:
        """The set that the least distortions are read from."""
        return AdversarialSet(split=self.split, model=self.model, seed=self.seed, rule=NEAREST)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's training and its nearest set."""
        return (layout.training_job(self.model, self.seed), self.nearest.key)

    @abstractmethod
    def images(self, workspace: Workspace) -> int:
        """Return how many images the study asks for."""

    def limit(self, workspace: Workspace) -> int:
        """Return how many images of the nearest set are looked at, at most."""
        images, whole = self.images(workspace), self.nearest.limit(workspace)
        return images if whole is None else min(images, whole)

    def reads(self, study: Study) -> tuple[str, ...]:
        """Return which arrays of the nearest set decide what is found."""
        return _LEASTS

    def effort(self, study: Study) -> float:
        """Return the model's."""
        return model_effort(study, self.model)

    def _of_shard(self, workspace: Workspace, whole: str | None, shard: int) -> str | None:
        """Return the hash of the work and of the least distortions it starts from."""
        own = super()._of_shard(workspace, whole, shard)
        receipts = [self.nearest.receipt(workspace, each) for each in self._read_from(workspace, shard)]
        if own is None or not all(receipts):
            return None
        names = self.reads(workspace.study)
        read = [{name: receipt.arrays.get(name) for name in names} for receipt in receipts if receipt is not None]
        # of one shard as it was when shards were all as long: the same work as then
        return identity(**{self.stage: own, NEAREST: read[0] if len(read) == 1 else read})

    def _read_from(self, workspace: Workspace, shard: int) -> range:
        """Return in which shards of the nearest set the images of a shard are."""
        rows, theirs = self.rows(workspace), self.nearest.rows(workspace)
        return range(shard * rows // theirs, (shard * rows + self.size(workspace, shard) - 1) // theirs + 1)

    def leasts(self, workspace: Workspace, ids: np.ndarray) -> np.ndarray:
        """Return the least distortions (n,) of the examples ``ids``; NaN where the search had no success."""
        stored = read_rows(workspace.place, self.nearest.key, _LEASTS)
        places = {int(example): place for place, example in enumerate(stored["example"])}
        rows = [places[int(example)] for example in ids]
        return np.where(stored["success"][rows], stored["distortion"][rows], np.nan)
