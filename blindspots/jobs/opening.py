"""Opening a workspace: everything about a study and a root that can be checked is, once, before any work starts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blindspots.datasets.class_names import numbered_rules
from blindspots.datasets.dataset import Dataset
from blindspots.datasets.sources import named_folder
from blindspots.device import resolved_device
from blindspots.errors import InputError
from blindspots.jobs.expansion import expand
from blindspots.jobs.plan import Plan, make_plan
from blindspots.jobs.stage import STAGES
from blindspots.jobs.workspace import Workspace
from blindspots.networks.known import allowed_packages
from blindspots.paths import resolved
from blindspots.store import packed_receipts
from blindspots.store import root as roots
from blindspots.store.place import Place
from blindspots.store.root import Stored, Work, check, stored, study_in, working_in
from blindspots.store.sealing import is_intact
from blindspots.study.study import Study


@dataclass(frozen=True)
class Opened:
    """A workspace that was checked, and what its root held."""

    workspace: Workspace
    there: Stored | None
    """The study as last run in the root; None where the root is new."""

    def is_settled(self, plan: Plan) -> bool:
        """Tell whether nothing is to do or to write: the root holds this very study, done, its metadata whole.

        And it says so twice, in two files that are alike.
        """
        same = self.there is not None and self.there.finished and self.there.study == self.workspace.study
        if not same or not plan.complete or plan.without_sizes:
            return False
        place = self.workspace.place
        return is_intact(place) and not packed_receipts.problems(place) and not roots.problems(place)


def open_root(
    study: Study,
    root: str | Path,
    *,
    device: str | None = None,
    elsewhere: bool = False,
    data: str | Path | None = None,
    networks: Sequence[str] | None = None,
) -> Opened:
    """Open ``study`` in ``root`` on ``device``: cpu or cuda, None for cuda where there is one.

    The workspace's study has the number of every class that a rule names. ``elsewhere``: other machines do the work.
    ``networks``: packages whose functions the study may name as networks; None for those that the environment names.
    Raises :class:`InputError` for a root that cannot be used or written, data that cannot be had, a study that asks
    for more images than there are, a job that cannot be done, or a device that is not there.
    """
    opened = look_into(study, root, device=device, elsewhere=elsewhere, data=data, networks=networks)
    opened.workspace.place.check_writable()
    return opened


def look_into(
    study: Study,
    root: str | Path,
    *,
    device: str | None = None,
    elsewhere: bool = False,
    data: str | Path | None = None,
    networks: Sequence[str] | None = None,
) -> Opened:
    """Open ``study`` in ``root`` as :func:`open_root` does, to say what would be done: nothing is written, no file."""
    place = Place.at(root)
    there = stored(place)
    workspace = _checked(study, place, there, data, networks)
    for job in expand(study):
        job.check(workspace)
    return Opened(workspace.on(resolved_device(device, elsewhere=elsewhere)), there)


def workspace_of(
    root: str | Path, *, data: str | Path | None = None, networks: Sequence[str] | None = None
) -> Workspace:
    """Return the workspace of the study last run in ``root``, to look at; nothing is written.

    On the kind of device that it was worked on with, wherever one looks from. Raises :class:`InputError` where there is
    none.
    """
    place = Place.at(root)
    there = study_in(place, root=root)
    workspace = _checked(there.study, place, there, data, networks)
    return workspace.on(_device_of(workspace) or resolved_device(None))


def _device_of(workspace: Workspace) -> str | None:
    """Return the kind of device that the first job which is done was done on, of those that a run begins with."""
    receipts = (job.receipt(workspace, 0) for job in expand(workspace.study) if not job.inputs)
    return next((receipt.device for receipt in receipts if receipt is not None), None)


def _checked(
    study: Study, place: Place, there: Stored | None, data: str | Path | None, networks: Sequence[str] | None
) -> Workspace:
    folder = named_folder() if data is None else Path(data)
    allowed = allowed_packages() if networks is None else tuple(networks)
    workspace = Workspace(study, place, data=None if folder is None else resolved(folder), networks=allowed)
    dataset = workspace.dataset
    study = _numbered(study, dataset)
    workspace = replace(workspace, study=study)
    check(place, there, study, dataset.sha256, tuple(STAGES))
    for split in study.distorted_splits:
        workspace.examples(split, study.sets.examples)
    for spec in (spec for spec in study.models if spec.given is None):
        workspace.examples(spec.split, study.training.images)
    return workspace


@contextmanager
def working(workspace: Workspace, *, of_last_run: bool = False) -> Iterator[Work]:
    """Hold the root of an opened workspace while its study is worked on; leave the store sealed.

    Yields what is known of the work. Where nothing is left to do at the end, the root says that the study is finished:
    who knows tells the work, and otherwise the store is looked at.
    Raises :class:`InputError` where another run holds the root; with ``of_last_run``, for who looked at the root before
    and wants no other study, also where another was run there meanwhile: nothing is written then.
    """

    def look() -> None:
        if of_last_run and not _is_last_run(workspace):
            raise InputError(f"another study was run in {workspace.place} meanwhile; look at it once more")

    place, stages = workspace.place, tuple(STAGES)
    with working_in(place, workspace.study, workspace.dataset.sha256, stages, before=look) as work:
        yield work
        if work.finished is None:
            work.finished = make_plan(workspace).complete


def _is_last_run(workspace: Workspace) -> bool:
    """Tell whether a workspace's study is the one last run in its root, or nothing says which that is."""
    there, dataset = stored(workspace.place), workspace.dataset
    if there is None:
        return True
    return there.dataset_sha256 == dataset.sha256 and _numbered(there.study, dataset) == workspace.study


def _numbered(study: Study, dataset: Dataset) -> Study:
    """Return a study with the number of every class that a rule names."""
    sets = study.sets.model_copy(update={"rules": numbered_rules(study.sets.rules, dataset)})
    return study.model_copy(update={"sets": sets})
