"""Beginning and ending work in a root: what may be worked on there, by whom, and what is left behind."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from blindspots.errors import BlindspotsError, InputError, OutOfReachError
from blindspots.files import PARTIAL
from blindspots.identity import identity
from blindspots.store import layout
from blindspots.store.arrays import group_attributes, open_root
from blindspots.store.layout import FORMAT
from blindspots.store.place import Place
from blindspots.store.receipts import pack_receipts
from blindspots.store.sealing import SEAL, seal, unseal
from blindspots.study.file import validate_study
from blindspots.study.study import Study

logger = logging.getLogger(__name__)

_PROBE = ".blindspots-probe"  # of versions before
CHECK = "sha256"
"""The name of the hash of all else in the file that says what was run."""


@dataclass(frozen=True)
class Stored:
    """What a root says of itself."""

    study: Study
    dataset_sha256: str
    stages: tuple[str, ...] = ()
    """The stages of the version that ran the study last; empty where that version did not say."""
    finished: bool = True
    """Whether the last run came to its end with nothing left to do: until then, tables may be those of before."""


@dataclass
class Work:
    """What is known of the work in a root that is held."""

    mended: bool = False
    """Whether something was mended as it began, so that what was thought done may not be."""
    finished: bool | None = None
    """Whether nothing is left to do, for the root to say so in the end; None where nobody has looked."""


def stored(place: Place) -> Stored | None:
    """Return the study as last run in a root, or None where the root is new, or nothing in it says what was run.

    Where the file that says so is lost or damaged, its copy is taken, and the study counts as not finished.
    Raises :class:`InputError` where the root is something else: a file, a folder of other things, another format; and
    :class:`OutOfReachError` where what says so cannot be read.
    """
    place.check_there()
    if place.is_taken():
        raise InputError(f"the root {place} is a file; name a folder")
    if place.has(layout.COPYING):
        came = place.read(layout.COPYING).decode(errors="replace").strip()
        raise InputError(f"{place} is an unfinished copy; go on with: blindspots root copy {came} {place}")
    for key in (layout.STUDY, layout.STUDY_COPY):
        content = _read(place, key)
        if content is not None:
            there = _stored(place, key, content)
            return there if key == layout.STUDY else replace(there, finished=False)
    begun = place.has_folder(layout.RECEIPTS) or place.has_folder(layout.ZARR)
    if not begun and not all(_is_a_beginning(place, name) for name in place.names()):
        if place.has(layout.STUDY):
            raise InputError(f"{place.path(layout.STUDY)} is damaged; restore it, or name another root")
        raise InputError(f"the folder {place} holds something other than a study; name a new or empty folder")
    return None


def study_in(place: Place, *, root: object = None) -> Stored:
    """Return the study as last run in a root, which the user named ``root``.

    Raises :class:`InputError` where there is none, or nothing says any more which, and as :func:`stored` does.
    """
    there = stored(place)
    if there is None and place.has_folder(layout.RECEIPTS):
        raise InputError(
            f"{place.path(layout.STUDY)} and its copy are lost or damaged, though work is done in {place}: restore one "
            f"or run the study again, which keeps what is done: blindspots run STUDY --root {root or place}"
        )
    if there is None:
        raise InputError(f"there is no study in {place}; make one with: blindspots run --root {root or place}")
    return there


def _is_a_beginning(place: Place, name: str) -> bool:
    """Tell whether a file may be all that is there of a run that was killed, or copied, in its first moment."""
    if name == layout.STUDY:  # what is whole, and says something else, is somebody else's
        try:
            json.loads(place.read(name))
        except (ValueError, RecursionError):
            return True
        return False
    return name in (layout.LOCK, _PROBE) or name.endswith(PARTIAL)


def _read(place: Place, key: str) -> dict[str, Any] | None:
    """Return what a file says of a study; None where it is missing, damaged, or not what was written.

    Raises :class:`OutOfReachError` where it is there, perhaps, and cannot be read: nothing is known of the root then.
    """
    try:
        text = place.read(key)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise OutOfReachError(
            f"{place.path(key)}, which says what was run there, cannot be read ({error.strerror or error})"
        ) from None
    try:
        content = json.loads(text)
        if content["format"] == FORMAT and CHECK in content and content[CHECK] != _check(content):
            return None
        return content if isinstance(content["study"], dict) and isinstance(content["dataset"], dict) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _stored(place: Place, key: str, content: dict[str, Any]) -> Stored:
    if content["format"] != FORMAT:
        raise InputError(
            f"the root {place} has format {content['format']}, and this blindspots reads and writes format "
            f"{FORMAT}; name another root, or use the version that made this one"
        )
    try:
        study = validate_study(content["study"])
        finished = bool(content.get("finished", True))  # versions that did not say left no table behind that was stale
        sha256 = content["dataset"]["sha256"]
        if not isinstance(sha256, str):
            raise TypeError(f"{sha256!r} is no hash")
        return Stored(study, sha256, tuple(content.get("stages", ())), finished)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{place.path(key)} is damaged; restore it, or name another root") from None


def problems(place: Place) -> dict[str, str]:
    """Return what is wrong with the files that say what was run, by their names; they are written anew by a run.

    So are the hierarchy's attributes, which say it too.
    """
    found = {}
    study, copy = (_read(place, key) for key in (layout.STUDY, layout.STUDY_COPY))
    if study is None:
        found[layout.STUDY] = "damaged" if place.has(layout.STUDY) else "missing"
    if copy is None and (place.has(layout.STUDY_COPY) or (study is not None and CHECK in study)):
        found[layout.STUDY_COPY] = "damaged" if place.has(layout.STUDY_COPY) else "missing"
    if study is not None and copy is not None and study != copy:
        found[layout.STUDY_COPY] = f"not the same as {layout.STUDY}"
    said = copy if study is None else study
    attributes = None if said is None else group_attributes(place, "")
    if said is not None and attributes is not None:
        there = _stored(place, layout.STUDY, said)
        attributes.pop(SEAL, None)
        if attributes != _attributes(there.study, there.dataset_sha256):
            found[layout.HIERARCHY_METADATA] = "the attributes are not those of the study"
    return found


def _check(content: dict[str, Any]) -> str:
    return identity(**{name: value for name, value in content.items() if name != CHECK})


def check(place: Place, there: Stored | None, study: Study, dataset_sha256: str, stages: Sequence[str]) -> None:
    """Raise :class:`InputError` where ``study`` does not go with what a root holds: another data set, other stages.

    ``there``: what the root says of itself; ``stages``: those that this version knows.
    """
    if there is None:
        found = (group_attributes(place, "") or {}).get("dataset_sha256", dataset_sha256)
        if found != dataset_sha256:
            raise InputError(
                f"the root {place} holds other data (sha256 {str(found)[:12]}) than the study {study.name} is on, "
                f"{study.dataset} (sha256 {dataset_sha256[:12]}); name another root"
            )
        return
    if there.dataset_sha256 != dataset_sha256:
        raise InputError(
            f"the root {place} holds {there.study.dataset} (sha256 {there.dataset_sha256[:12]}), and the study "
            f"{study.name} is on {study.dataset} (sha256 {dataset_sha256[:12]}); name another root"
        )
    unknown = [name for name in there.stages if name not in stages]
    if unknown:
        raise InputError(
            f"the root {place} was run with the stage {unknown[0]}, which is not known here; install what brings it, "
            "or name another root"
        )


@contextmanager
def working_in(
    place: Place,
    study: Study,
    dataset_sha256: str,
    stages: Sequence[str],
    *,
    before: Callable[[], None] = lambda: None,
) -> Iterator[Work]:
    """Hold a root that was checked while a study is worked on in it; leave the store sealed, also where jobs failed.

    The root says that the study is not finished, and in the end that it is, where who holds it has said so.
    ``before``: called once the root is held, before anything is written; may raise. Raises :class:`InputError` where
    another run holds the root.
    """
    with place.locked(layout.LOCK) as held:
        if held:
            yield Work(finished=False)
            return
        before()
        content = _content(study, dataset_sha256, stages)
        work = Work(_begin(place, study, content))
        try:
            yield work
        except OutOfReachError:
            raise
        except BlindspotsError:  # the store is whole, as it is where one job fails of many
            try:
                _leave(place)
            except (OSError, OutOfReachError) as error:  # on a full disk, say: what failed before is what counts
                logger.warning("the store in %s could not be sealed (%s); the next run seals it", place, error)
            raise
        if _leave(place) and work.finished:
            _write(place, {**content, "finished": True})


def _leave(place: Place) -> bool:
    """Seal a store that was worked on, and pack its receipts; tell whether what is done is still done."""
    _remove_partial(place, "worker")  # one that died in a run that went on without it
    undone = seal(place)
    if undone:
        logger.warning("metadata of the store in %s were damaged meanwhile; what lay there is to do again", place)
    pack_receipts(place)
    return not undone


def _write(place: Place, content: dict[str, Any]) -> None:
    text = (json.dumps({**content, CHECK: _check(content)}, indent=1) + "\n").encode()
    for key in (layout.STUDY_COPY, layout.STUDY):
        if not place.has(key) or place.read(key) != text:
            place.write(key, text)


def _content(study: Study, dataset_sha256: str, stages: Sequence[str]) -> dict[str, Any]:
    """Return what a root says of a study that is begun there."""
    return {
        "format": FORMAT,
        "dataset": {"name": study.dataset_name, "sha256": dataset_sha256},
        "stages": list(stages),
        "finished": False,
        "study": study.model_dump(mode="json"),
    }


def _begin(place: Place, study: Study, content: dict[str, Any]) -> bool:
    _write(place, content)
    _remove_partial(place, "run")
    if not place.has_folder(layout.ZARR):
        place.delete_all(layout.ZARR)  # a file, or a link to nowhere, that is in its place
    mended = unseal(place)
    if mended:
        logger.warning("metadata of the store in %s were damaged, and are mended", place)
    root = open_root(place)
    attributes = _attributes(study, content["dataset"]["sha256"])
    if dict(root.attrs) != attributes:
        root.attrs.put(attributes)
    return mended


def _remove_partial(place: Place, whose: str) -> None:
    removed = place.remove_partial()
    if removed:
        logger.info("removed %d unfinished file(s) that a killed %s had left", removed, whose)


def _attributes(study: Study, dataset_sha256: str) -> dict[str, Any]:
    """Return the hierarchy's own attributes."""
    return {
        "title": f"blindspots study {study.name}",
        "format": FORMAT,
        "dataset": study.dataset_name,
        "dataset_sha256": dataset_sha256,
        "source": "https://arxiv.org/abs/1312.6199",
    }
