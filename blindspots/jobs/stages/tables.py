"""The job of drawing one of the paper's tables out of the store, so that plain readers find it there too."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import xarray as xr

from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.stages.example_set import contents
from blindspots.jobs.workspace import Workspace
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.tables import TABLES, draw_table, drawn_for

_NOT_READ = {"train", "pools", "quocnet", "detectors"}
"""Stages that no table reads unless it says so: weights, which are in what is made with them, and features."""
ALGORITHM = 8
"""Raised with every change of what a table says."""


@dataclass(frozen=True)
class TableJob(DatasetJob):
    """Draw a table: one of the paper's by its number, or one of our own by its name."""

    stage: ClassVar[str] = "tables"
    unit: ClassVar[str] = "tables"
    needs_worker: ClassVar[bool] = False

    name: str
    reads: tuple[Job, ...]
    """The jobs whose results the table is drawn from."""

    @property
    def key(self) -> str:
        """``tables/table<number>``, or ``tables/<name>``."""
        return layout.table(self.name)

    @property
    def inputs(self) -> tuple[str, ...]:
        """All that the table is drawn from."""
        return tuple(job.key for job in self.reads)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the contents that the table is drawn from, and of the names it shows."""
        read: dict[str, str] = {}
        for job in self.reads:
            found = contents(job, workspace)
            if found is None:
                return None
            read |= {f"{job.key}/{index}": content for index, content in enumerate(found)}
        return identity(
            stage="table",
            algorithm=ALGORITHM,
            number=int(self.name) if self.name.isdigit() else self.name,
            contents=read,
            models=[spec.model_dump(mode="json", exclude={"given": {"weights"}}) for spec in workspace.study.models],
            dataset=workspace.study.dataset_name,
        )

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return the table."""
        try:
            return draw_table(self.name, _results(workspace, self._made(workspace)))
        except BaseException:
            _results.cache_clear()  # what could not be read may be made again
            raise

    def _made(self, workspace: Workspace) -> str:
        """Return a hash of what is read as it was made: of the same contents that are made anew it is another."""
        receipts = [job.receipt(workspace, shard) for job in self.reads for shard in range(job.shards(workspace))]
        return identity(made=[[each.content, each.finished, each.check] for each in receipts if each is not None])


@lru_cache(maxsize=1)
def _results(workspace: Workspace, made: str) -> Results:
    """Return what tables that read the same have in common: what one of them has read, the next does not read again."""
    return workspace.results()


def table_jobs(study: Study, before: tuple[Job, ...]) -> list[Job]:
    """Return a job for each table of ``study``, reading what the jobs ``before`` make: by default but for weights."""
    usual = tuple(job for job in before if job.stage not in _NOT_READ)

    def reads(name: str) -> tuple[Job, ...]:
        stages = TABLES[name].reads
        return tuple(job for job in before if job.stage in stages) if stages else usual

    return [TableJob(name, reads(name)) for name in drawn_for(study)]
