"""Beginning and ending work in a root: what may be worked on there, by whom, and what is left behind."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from blindspots.errors import InputError
from blindspots.store import layout
from blindspots.store.arrays import open_root, seal, unseal
from blindspots.store.layout import FORMAT
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from blindspots.study.study import Study

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """What a root says of itself."""

    study: Study
    dataset_sha256: str
    stages: tuple[str, ...] = ()
    """The stages of the version that ran the study last; empty where that version did not say."""
    finished: bool = True
    """Whether the last run came to its end with nothing left to do: until then, tables may be those of before."""


def stored(place: Place) -> Stored | None:
    """Return the study as last run in a root, or None where the root is new.

    Raises :class:`InputError` where the root is something else: a file, a folder of other things, another format.
    """
    if not place.has(layout.STUDY):
        if place.is_taken():
            raise InputError(f"the root {place} is a file; name a folder")
        if any(name != layout.LOCK for name in place.names()):
            raise InputError(f"the folder {place} holds something other than a study; name a new or empty folder")
        return None
    try:
        content = json.loads(place.read(layout.STUDY))
        if content["format"] != FORMAT:
            raise InputError(
                f"the root {place} has format {content['format']}, and this blindspots reads and writes format "
                f"{FORMAT}; name another root, or use the version that made this one"
            )
        study = validate_study(content["study"])
        finished = bool(content.get("finished", True))  # versions that did not say left no table behind that was stale
        return Stored(study, content["dataset"]["sha256"], tuple(content.get("stages", ())), finished)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{place.path(layout.STUDY)} is damaged; restore it, or name another root") from None


def check(place: Place, there: Stored | None, study: Study, dataset_sha256: str, stages: Sequence[str]) -> None:
    """Raise :class:`InputError` where ``study`` does not go with what a root holds: another data set, other stages.

    ``there``: what the root says of itself; ``stages``: those that this version knows.
    """
    if there is None:
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
def working_in(place: Place, study: Study, dataset_sha256: str, stages: Sequence[str]) -> Iterator[None]:
    """Hold a root that was checked while a study is worked on in it; leave the store sealed.

    The root says that the study is not finished until :func:`finish` is called.
    Raises :class:`InputError` where another run holds the root.
    """
    with place.locked(layout.LOCK) as held:
        if held:
            yield
            return
        _begin(place, study, dataset_sha256, stages)
        yield
        seal(place)


def finish(place: Place) -> None:
    """Say that a root's study is finished; for who holds the root, once nothing is left to do."""
    _write(place, {**json.loads(place.read(layout.STUDY)), "finished": True})


def _write(place: Place, content: dict[str, Any]) -> None:
    text = (json.dumps(content, indent=1) + "\n").encode()
    if not place.has(layout.STUDY) or place.read(layout.STUDY) != text:
        place.write(layout.STUDY, text)


def _begin(place: Place, study: Study, dataset_sha256: str, stages: Sequence[str]) -> None:
    content = {
        "format": FORMAT,
        "dataset": {"name": study.dataset_name, "sha256": dataset_sha256},
        "stages": list(stages),
        "finished": False,
        "study": study.model_dump(mode="json"),
    }
    _write(place, content)
    removed = place.remove_partial()
    if removed:
        logger.info("removed %d unfinished file(s) that a killed run had left", removed)
    unseal(place)
    root = open_root(place)
    attributes: dict[str, Any] = {
        "title": f"blindspots study {study.name}",
        "format": FORMAT,
        "dataset": study.dataset_name,
        "dataset_sha256": dataset_sha256,
        "source": "https://arxiv.org/abs/1312.6199",
    }
    if dict(root.attrs) != attributes:
        root.attrs.put(attributes)
