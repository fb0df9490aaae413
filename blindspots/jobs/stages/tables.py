"""The job of drawing one of the paper's tables out of the store, so that plain readers find it there too."""

from dataclasses import dataclass

import xarray as xr

from blindspots.identity import identity
from blindspots.jobs.job import Job, Stage
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.workspace import Workspace
from blindspots.results.tree import open_study
from blindspots.study.study import Study
from blindspots.tables import build_table, drawn_for

ALGORITHM = 5
"""Raised with every change of what a table says."""


@dataclass(frozen=True)
class TableJob(DatasetJob):
    """Draw a table: one of the paper's by its number, or one of our own by its name."""

    name: int | str
    reads: tuple[Job, ...]
    """The jobs whose results the table is drawn from."""

    @property
    def stage(self) -> Stage:
        """Tables come last."""
        return Stage.TABLES

    @property
    def key(self) -> str:
        """``tables/table<number>``, or ``tables/<name>``."""
        return f"tables/table{self.name}" if isinstance(self.name, int) else f"tables/{self.name}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every set, every pair."""
        return tuple(job.key for job in self.reads)

    @property
    def unit(self) -> str:
        """Tables are counted one by one."""
        return "tables"

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the contents that the table is drawn from, and of the names it shows."""
        contents = {}
        for job in self.reads:
            for shard in range(job.shards(workspace)):
                receipt = job.receipt(workspace, shard)
                if receipt is None:
                    return None
                contents[f"{job.key}/{shard}"] = receipt.content
        return identity(
            stage="table",
            algorithm=ALGORITHM,
            number=self.name,
            contents=contents,
            models=[spec.model_dump(mode="json") for spec in workspace.study.models],
            dataset=workspace.study.dataset,
        )

    def draw(self, workspace: Workspace) -> xr.Dataset:
        """Return the table."""
        with open_study(workspace.root, lazy=False) as tree:
            return build_table(self.name, tree, workspace.study)


def table_jobs(study: Study, jobs: list[Job]) -> list[Job]:
    """Return a job for each table of ``study``, reading what ``jobs`` make."""
    reads = tuple(job for job in jobs if job.stage not in (Stage.TRAIN, Stage.TABLES))
    return [TableJob(name, reads) for name in drawn_for(study)]
