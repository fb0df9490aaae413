"""A study's data set: pictures are cut to what the networks want whose weights the study is given."""

from pathlib import Path
from typing import Any

from blindspots.datasets.dataset import Dataset
from blindspots.datasets.loading import dataset_once, holds_arrays
from blindspots.errors import InputError
from blindspots.networks.known import NETWORKS, KnownNetwork
from blindspots.study.pictures_spec import PicturesSpec
from blindspots.study.study import Study


def study_dataset(study: Study, folder: Path | None) -> Dataset:
    """Return the data set of ``study``, read once a process.

    ``folder``: where its files lie, as for :func:`~blindspots.datasets.load_dataset`, which tells what is refused.
    """
    return dataset_once(study.dataset, folder, wanted_pictures(study, folder))


def wanted_pictures(study: Study, folder: Path | None = None) -> PicturesSpec | None:
    """Return what is cut out of the study's pictures: what it says itself, and for the rest what its networks state.

    None where its data set is none of pictures, but of arrays; ``folder``: where its files lie.

    Raises :class:`InputError` where two of its networks want different things of which the study says nothing, or where
    nobody says how large an image is.
    """
    if not study.has_pictures or holds_arrays(study.dataset, folder):
        return None
    known = {
        spec.name: NETWORKS[spec.given.network]
        for spec in study.models
        if spec.given is not None and spec.given.network in NETWORKS
    }
    stated: dict[str, Any] = {}
    for field in ("size", "crop", "interpolation"):
        if getattr(study.pictures, field) is None:
            values = {name: _stated(network, field) for name, network in known.items()}
            if len(set(values.values())) > 1:
                said = ", ".join(f"{name} {_text(value)}" for name, value in values.items())
                raise InputError(
                    f"the study's networks want different pictures: {field} of {said}; say which with pictures.{field}"
                )
            if values:
                stated[field] = next(iter(values.values()))
    wanted = study.pictures.model_copy(update=stated)
    if wanted.size is None:
        raise InputError("pictures.size is wanted: none of the study's networks says how large its images are")
    return wanted


def _stated(network: KnownNetwork, field: str) -> Any:
    return network.input_shape[1] if field == "size" else getattr(network.pictures, field)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
