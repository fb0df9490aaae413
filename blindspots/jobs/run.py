"""A whole study in the calling process, with neither Prefect nor Ray.

The way to debug, the notebook's way, and the oracle that the distributed run is held against: the same jobs, one after
another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from blindspots.errors import InputError
from blindspots.jobs.expand import expand
from blindspots.jobs.job import Progress, Report, Stage
from blindspots.jobs.plan import make_plan, stage_work
from blindspots.jobs.workspace import Workspace
from blindspots.store.layout import Layout
from blindspots.store.root import stored, working_in
from blindspots.study import Study


@dataclass(frozen=True)
class Ran:
    """What a run did: the shards computed, by the key of their job; what was done already is not in it."""

    shards: dict[str, tuple[int, ...]]

    @property
    def jobs(self) -> int:
        """How many jobs had anything to do."""
        return len(self.shards)


def workspace_for(
    study: Study, root: str | Path, *, device: str | None = None, data: str | Path | None = None
) -> Workspace:
    """Return the workspace of ``study`` in ``root``, once everything about it was checked that can be beforehand.

    ``device``: cpu or cuda; None for cuda where there is one. Raises :class:`InputError` for a root that cannot be
    used, data that cannot be had, or a study that asks for more images than there are.
    """
    from blindspots.jobs.job import examples
    from blindspots.store.root import check

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise InputError(f"the device {device!r} is unknown; it is cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("the device cuda is asked for, but torch finds no such device here; use cpu")
    layout = Layout.at(root)
    stored(layout)
    workspace = Workspace(study, layout.root, device, None if data is None else Path(data))
    check(layout, study, workspace.dataset.sha256)
    for split in study.sets.splits:
        examples(workspace, split, study.sets.examples)
    for spec in study.models:
        examples(workspace, spec.split, study.training.images)
    return workspace


def workspace_of(root: str | Path, *, data: str | Path | None = None) -> Workspace:
    """Return the workspace of the study last run in ``root``; raise :class:`InputError` where there is none."""
    layout = Layout.at(root)
    there = stored(layout)
    if there is None:
        raise InputError(f"there is no study in {layout.root}; make one with: blindspots run --root {root}")
    return workspace_for(there.study, layout.root, data=data)


def run_study(
    study: Study,
    root: str | Path,
    *,
    device: str | None = None,
    data: str | Path | None = None,
    on_progress: Report | None = None,
) -> Ran:
    """Run ``study`` in ``root``, shard by shard in this process, and return what was done.

    What is done already is kept, so a run that was stopped goes on where it was. ``on_progress`` is called with every
    :class:`~blindspots.jobs.job.Progress`. Raises :class:`InputError` before any work where something does not fit.
    """
    report: Report = on_progress or _ignore
    workspace = workspace_for(study, root, device=device, data=data)
    ran: dict[str, tuple[int, ...]] = {}
    plan = make_plan(workspace, expand(study))
    with working_in(workspace.layout, study, workspace.dataset.sha256), one_thread():
        for stage in Stage:
            work = stage_work(workspace, plan, stage)
            for item in work:
                for shard in item.shards:
                    item.job.run(workspace, shard, report)
                ran[item.job.key] = item.shards
    return Ran(ran)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, as every actor does: the number of threads changes a sum's last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _ignore(progress: Progress) -> None:
    pass
