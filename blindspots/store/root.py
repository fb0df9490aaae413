"""Beginning and ending work in a root: what may be worked on there, by whom, and what is left behind."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from blindspots.errors import InputError
from blindspots.files import remove_partial, write_whole
from blindspots.store.arrays import open_root, seal, unseal
from blindspots.store.layout import FORMAT, Layout
from blindspots.study.file import validate_study
from blindspots.study.study import Study

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """What a root says of itself."""

    study: Study
    dataset_sha256: str


def stored(layout: Layout) -> Stored | None:
    """Return the study as last run in a root, or None where the root is new.

    Raises :class:`InputError` where the root is something else: a file, a folder of other things, another format.
    """
    root = layout.root
    if root.exists() and not root.is_dir():
        raise InputError(f"the root {root} is a file; name a folder")
    if not layout.study.is_file():
        if root.is_dir() and any(path.name != layout.lock.name for path in root.iterdir()):
            raise InputError(f"the folder {root} holds something other than a study; name a new or empty folder")
        return None
    try:
        content = json.loads(layout.study.read_text(encoding="utf-8"))
        format_, dataset = content["format"], content["dataset"]
        if format_ != FORMAT:
            raise InputError(
                f"the root {root} has format {format_}, and this blindspots reads and writes format {FORMAT}; "
                "name another root, or use the version that made this one"
            )
        return Stored(validate_study(content["study"]), dataset["sha256"])
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{layout.study} is damaged; restore it, or name another root") from None


def check(layout: Layout, study: Study, dataset_sha256: str) -> None:
    """Raise :class:`InputError` where ``study`` cannot be run in the root: another data set, or no room to write."""
    there = stored(layout)
    if there is not None and there.dataset_sha256 != dataset_sha256:
        raise InputError(
            f"the root {layout.root} holds {there.study.dataset} (sha256 {there.dataset_sha256[:12]}), and the study "
            f"{study.name} is on {study.dataset} (sha256 {dataset_sha256[:12]}); name another root"
        )
    _check_writable(layout.root)


def _check_writable(root: Path) -> None:
    there = next(path for path in (root, *root.parents) if path.exists())
    probe = there / ".blindspots-probe"
    try:
        if not there.is_dir():
            raise NotADirectoryError(20, f"{there} is a file")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"the root {root} cannot be written ({error.strerror or error}); name a folder of yours with --root"
        ) from None


@contextmanager
def working_in(layout: Layout, study: Study, dataset_sha256: str) -> Iterator[None]:
    """Hold the root while a study is worked on in it; leave the store sealed.

    May be entered again inside itself by the same process. Raises :class:`InputError` where another run holds the root.
    """
    check(layout, study, dataset_sha256)
    layout.root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(layout.lock, timeout=0, is_singleton=True, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"another run is at work in {layout.root}; wait for it, or name another root") from None
    try:
        if lock.lock_counter > 1:
            yield
            return
        _begin(layout, study, dataset_sha256)
        yield
        seal(layout.zarr)
    finally:
        lock.release()


def _begin(layout: Layout, study: Study, dataset_sha256: str) -> None:
    content = {
        "format": FORMAT,
        "dataset": {"name": study.dataset, "sha256": dataset_sha256},
        "study": study.model_dump(mode="json"),
    }
    text = (json.dumps(content, indent=1) + "\n").encode()
    if not layout.study.is_file() or layout.study.read_bytes() != text:
        write_whole(layout.study, text)
    removed = remove_partial(layout.root)
    if removed:
        logger.info("removed %d unfinished file(s) that a killed run had left", removed)
    unseal(layout.zarr)
    root = open_root(layout.zarr)
    attributes: dict[str, Any] = {
        "title": f"blindspots study {study.name}",
        "format": FORMAT,
        "dataset": study.dataset,
        "dataset_sha256": dataset_sha256,
        "source": "https://arxiv.org/abs/1312.6199",
    }
    if dict(root.attrs) != attributes:
        root.attrs.put(attributes)
