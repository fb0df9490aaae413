"""Opening a workspace: everything about a study and a root that can be checked is, before any work starts."""

from pathlib import Path

from blindspots.datasets.sources import named_folder
from blindspots.device import resolved_device
from blindspots.errors import InputError
from blindspots.jobs.job import examples
from blindspots.jobs.workspace import Workspace
from blindspots.store.layout import Layout
from blindspots.store.root import check, stored
from blindspots.study.study import Study


def checked_workspace(study: Study, root: str | Path, *, data: str | Path | None = None) -> Workspace:
    """Return the workspace of ``study`` in ``root`` on the CPU, without importing what computes.

    Raises :class:`InputError` for a root that cannot be used, data that cannot be had, a study that asks for more
    images than there are, or a file of weights that is not there.
    """
    weights = study.bounds.alexnet
    if weights and not study.bounds.fetched and not Path(weights).is_file():
        raise InputError(f"bounds.alexnet = {weights!r}: there is no such file; name one of AlexNet's weights")
    return _workspace(study, root, data)


def _workspace(study: Study, root: str | Path, data: str | Path | None) -> Workspace:
    layout = Layout.at(root)
    stored(layout)
    folder = named_folder() if data is None else Path(data)
    workspace = Workspace(study, layout.root, data=None if folder is None else folder.expanduser().resolve())
    check(layout, study, workspace.dataset.sha256)
    for split in study.distorted_splits:
        examples(workspace, split, study.sets.examples)
    for spec in study.models:
        examples(workspace, spec.split, study.training.images)
    return workspace


def workspace_for(
    study: Study, root: str | Path, *, device: str | None = None, data: str | Path | None = None
) -> Workspace:
    """Return the workspace of ``study`` in ``root`` on ``device``: cpu or cuda, None for cuda where there is one.

    Raises :class:`InputError` as :func:`checked_workspace`, and for a device that is not there.
    """
    return _on(device, checked_workspace(study, root, data=data))


def _on(device: str | None, workspace: Workspace) -> Workspace:
    return Workspace(workspace.study, workspace.root, resolved_device(device), workspace.data)


def workspace_of(root: str | Path, *, data: str | Path | None = None) -> Workspace:
    """Return the workspace of the study last run in ``root``; raise :class:`InputError` where there is none."""
    layout = Layout.at(root)
    there = stored(layout)
    if there is None:
        raise InputError(f"there is no study in {layout.root}; make one with: blindspots run --root {root}")
    return _on(None, _workspace(there.study, layout.root, data))
