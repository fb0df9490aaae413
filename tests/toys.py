"""A study whose jobs compute nothing, and lie in a store as those of any study do: to try what befalls a store.

Weights in a file, a set of several shards a model that is made from them, a table that reads the sets.
"""

from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr

from blindspots.identity import identity
from blindspots.jobs.expansion import expand
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Report
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import Ran, run_plan
from blindspots.jobs.stage import Stage
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.stages.example_set import ExampleSet, contents
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import Variable
from blindspots.store.place import Place
from blindspots.store.weights import as_arrays, load_weights, save_weights
from blindspots.study.built_in import QUICK
from blindspots.study.study import Study

EXAMPLES, SHARD = 5, 2
MODELS = ("fc10", "fc20-10")
Held = dict[tuple[str, int], dict[str, list[Any]]]
"""What shards hold, by job and shard."""
NUMBERS = {"value": Variable("float32", "a number", dims=("of",), shape=(3,)), "label": Variable("int64", "another")}

_held: dict[str, Held] = {}
"""What was read of a job's shards, by all the files that it may have been read from: Zarr takes long to read."""


@dataclass(frozen=True)
class ToyWorkspace(Workspace):
    """A workspace whose data set is nothing but its ids."""

    images: int = EXAMPLES

    @property
    def dataset(self) -> Any:
        return SimpleNamespace(sha256="aaaa")

    def examples(self, split: str, count: int | None = None) -> np.ndarray:
        return np.arange(self.images)[:count]


@dataclass(frozen=True)
class ToyWeights(Job):
    """The weights of a model: the seed of the study."""

    model: str
    stage: ClassVar[str] = "train"

    @property
    def key(self) -> str:
        return layout.training_job(self.model, 0)

    def identity(self, workspace: Workspace, shard: int) -> str:
        return identity(model=self.model, seed=workspace.study.seed)

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        return {"weights": layout.weights(self.model, 0)}

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        weights = {"a": torch.full((3,), float(workspace.study.seed + len(self.model)))}
        write = lambda: save_weights(workspace.place, layout.weights(self.model, 0), weights, {})  # noqa: E731
        self.finish(workspace, shard, as_arrays(weights), write, started=perf_counter())

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        return as_arrays(load_weights(workspace.place, layout.weights(self.model, 0)))


@dataclass(frozen=True)
class ToySet(ExampleSet):
    """A set that is made from weights."""

    model: str = ""

    @property
    def key(self) -> str:
        return layout.adversarial_set(self.model, 0, self.split, "nearest")

    @property
    def weights(self) -> ToyWeights:
        return ToyWeights(self.model)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.weights.key,)

    def limit(self, workspace: Workspace) -> int | None:
        return None

    def variables(self, workspace: Workspace) -> dict[str, Variable]:
        return NUMBERS

    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        found = contents(self.weights, workspace)
        return None if found is None else {"weights": found}

    def attributes(self, workspace: Workspace) -> dict[str, Any]:
        return {"model": self.model}

    def compute(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        weights = self.weights.read(workspace, 0)["weights/a"]
        return {"value": ids[:, None] + weights[None], "label": ids}


def sets() -> tuple[ToySet, ...]:
    return tuple(ToySet("train", model) for model in MODELS)


@dataclass(frozen=True)
class ToyTable(DatasetJob):
    """The mean of every set, by weights, so that no two shards take each other's place unseen."""

    stage: ClassVar[str] = "tables"

    @property
    def key(self) -> str:
        return layout.table("1")

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(each.key for each in sets())

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        found = [contents(each, workspace) for each in sets()]
        return None if None in found else identity(sets=found)

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        found = [[each.read(workspace, shard)["value"] for shard in range(each.shards(workspace))] for each in sets()]
        weights = np.arange(len(workspace.examples("train")))
        means = [np.average(np.concatenate(shards).mean(axis=1), weights=weights) for shards in found]
        names = np.array(MODELS, dtype=np.dtypes.StringDType())
        return xr.Dataset({"mean": ("model", np.float64(means))}, {"model": names})


TOYS = (
    Stage("train", "Train.", lambda study, before: map(ToyWeights, MODELS)),
    Stage("generate", "Make sets.", lambda study, before: sets()),
    Stage("tables", "Draw.", lambda study, before: [ToyTable()]),
)


def workspace_at(root: str, seed: int, images: int = EXAMPLES) -> ToyWorkspace:
    study: Study = QUICK.model_copy(update={"seed": seed, "sets": QUICK.sets.model_copy(update={"shard": SHARD})})
    return ToyWorkspace(study, Place.at(root), images=images)


def run(workspace: Workspace) -> Ran:
    return run_plan(workspace, make_plan(workspace), lambda progress: None)


def held(workspace: ToyWorkspace) -> Held:
    """Return what the store takes for done and intact, decoded, by job and shard."""
    place = workspace.place
    files = {key: place.read(key) for key in place.files()}
    jobs = expand(workspace.study)
    found: Held = {}
    whole: set[str] = set()
    for job in jobs:
        if not whole.issuperset(job.inputs):  # which would be made from what is of another study, or damaged
            continue
        others = {f"{each.key}/" for each in jobs} - {f"{key}/" for key in (job.key, *job.inputs)}
        read = {key: content for key, content in files.items() if not any(other in key for other in others)}
        digest = identity(
            job=job.key,
            seed=workspace.study.seed,
            images=workspace.images,
            files={key: hash(content) for key, content in sorted(read.items())},
        )
        if digest not in _held:
            _held[digest] = _held_of(job, workspace)
        found |= _held[digest]
        if all((job.key, shard) in found for shard in range(job.shards(workspace))):
            whole.add(job.key)
    return found


def _held_of(job: Job, workspace: Workspace) -> Held:
    found: Held = {}
    for shard, wanted in enumerate(job.identities(workspace)):
        receipt = job.receipt(workspace, shard)
        if receipt is None or receipt.identity != wanted or job.damage(workspace, shard, receipt):
            continue
        found[job.key, shard] = {name: values.tolist() for name, values in job.read(workspace, shard).items()}
    return found
