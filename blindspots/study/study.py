"""What to study: data set, networks, training and the sets to make, as validated, hashable values.

A study is plain data. It says nothing about workers, devices or folders: those are settings of a run and never part of
what is computed. The same models validate a YAML file, the command line's ``--set`` and the Prefect form.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from blindspots.errors import InputError
from blindspots.study.bounds_spec import ALEXNET, BoundsSpec
from blindspots.study.detector_spec import PIXELS, QUOCNET, DetectorSpec
from blindspots.study.model_spec import HALVES, ModelSpec
from blindspots.study.part import Part, Slug, from_anywhere, is_address, slug
from blindspots.study.pictures_spec import PicturesSpec
from blindspots.study.quocnet_spec import QuocNetSpec
from blindspots.study.sets_spec import MethodName, NegativesSpec, SetsSpec
from blindspots.study.training_spec import TrainingSpec
from blindspots.study.units_spec import UnitsSpec

DATASETS = ("mnist", "fashion-mnist")
"""The data sets that have a name."""
ARRAYS = ".npz"
"""The suffix of a file of arrays that is a data set."""
TABLE = ".csv"
"""The suffix of a table of pictures and labels that is a data set."""
_FILES = [each for suffix in (ARRAYS, TABLE) for each in (suffix[1:], suffix[1:].upper())]

_KEPT = "zarr.json"  # of Zarr's own file in every group


def is_arrays(dataset: str) -> bool:
    """Tell whether a data set is a file of arrays, by its suffix, in capitals too."""
    return dataset.lower().endswith(ARRAYS)


class Study(Part):
    """Everything that decides what a run computes."""

    name: Slug = Field(description="Name of the study")
    dataset: str = Field(
        "mnist",
        description="Data set: mnist, fashion-mnist, or a path: of an .npz file with the arrays train_images, "
        "train_labels, test_images, test_labels; of a folder of pictures, with a / in it; of a .csv file of the "
        "pictures' paths and labels",
        # the validator below says more; this is what a form can refuse before a run is made
        json_schema_extra={
            "examples": list(DATASETS),
            "pattern": rf"^({'|'.join(DATASETS)}|.+\.({'|'.join(_FILES)})|/.*|[^:]+/.*)$",
        },
    )
    models: tuple[ModelSpec, ...] = Field(
        min_length=1, description="Networks to train, or given with their weights, and to compare"
    )
    pictures: PicturesSpec = PicturesSpec()
    training: TrainingSpec = TrainingSpec()
    sets: SetsSpec = SetsSpec()
    negatives: NegativesSpec = NegativesSpec()
    bounds: BoundsSpec = BoundsSpec()
    units: UnitsSpec = UnitsSpec()
    quocnet: QuocNetSpec | None = Field(
        None, description="A QuocNet to train on the study's pictures, without labels; empty for none"
    )
    detector: DetectorSpec | None = Field(
        None, description="A linear classifier on frozen features to train and to mislead (Figure 6); empty for none"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the examples' order, the random targets and the noise")
    seeds: int = Field(1, ge=1, le=1000, description="Models trained per network, from different initial weights")

    @field_validator("dataset")
    @classmethod
    def _name_or_path(cls, value: str) -> str:
        """Make a path absolute: whoever does the work may be in another folder."""
        if value in DATASETS:
            return value
        if not (value.lower().endswith((ARRAYS, TABLE)) or "/" in value) or is_address(value):
            raise ValueError(
                f"no data set is called {value!r}; there are {', '.join(DATASETS)}, and yours by its path, "
                f"which ends in {ARRAYS} or {TABLE}, or has a / in it where it is a folder of pictures: ./{value}"
            )
        return from_anywhere(value)

    @field_validator("models")
    @classmethod
    def _no_model_twice(cls, value: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
        names = [spec.name for spec in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the model {', '.join(twice)} is named twice; give every model a name of its own")
        reserved = [name for name in names if name == "clean" or name.startswith("noise-")]
        if reserved:
            raise ValueError(f"the name {reserved[0]} is kept for a reference set; name the model otherwise")
        if _KEPT in names:
            raise ValueError(f"the name {_KEPT} is that of a file in the store; name the model otherwise")
        if ALEXNET in names:
            raise ValueError(f"the name {ALEXNET} is kept for Table 5's network; name the model otherwise")
        seen: dict[ModelSpec, str] = {}
        for spec in value:
            same = seen.setdefault(spec.model_copy(update={"name": "any", "paper": ""}), spec.name)
            if same != spec.name:
                remedy = "leave one of them out" if spec.given else "give one of them another number for initial"
                raise ValueError(f"{same} and {spec.name} are one model; {remedy}")
        return value

    @model_validator(mode="after")
    def _pictures_are_of_pictures(self) -> "Study":
        if self.pictures != PicturesSpec() and not self.has_pictures:
            said = ", ".join(sorted(self.pictures.model_fields_set)) or "pictures"
            raise ValueError(f"{said} of pictures: the data set {self.dataset} is none of pictures; leave it out")
        return self

    @model_validator(mode="after")
    def _given_models_have_one_seed(self) -> "Study":
        given = next((spec.name for spec in self.models if spec.given is not None), None)
        if given is not None and self.seeds > 1:
            raise ValueError(f"seeds = {self.seeds}: the model {given} is given, with one set of weights; set seeds=1")
        return self

    @model_validator(mode="after")
    def _units_of_models_there_are(self) -> "Study":
        names = [spec.name for spec in self.models]
        also = [ALEXNET] * bool(self.bounds.alexnet)
        for field, wanted in (("models", self.units.models), ("features", filter(None, [self.units.features]))):
            there = names + also if field == "models" else names
            for name in wanted:
                if name not in there:
                    raise ValueError(f"units.{field} = {name!r}: no model is called that; there are {', '.join(there)}")
        return self

    @model_validator(mode="after")
    def _features_of_models_there_are(self) -> "Study":
        if self.detector is None:
            return self
        there = [spec.name for spec in self.models] + [ALEXNET] * bool(self.bounds.alexnet)
        for name in self.feature_models:
            if name not in there:
                raise ValueError(f"detector.models = {name!r}: no model is called that; there are {', '.join(there)}")
            if name in (PIXELS, QUOCNET) or name in [each.name for each in self.detector.extractors]:
                raise ValueError(f"detector: two extractors are called {name!r}; name one of them otherwise")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out parts of which nothing is said: without them a study is the one that it was before."""
        content: dict[str, Any] = handler(self)
        for part in ("quocnet", "detector"):
            if getattr(self, part) is None:
                content.pop(part, None)
        if self.pictures == PicturesSpec():
            content.pop("pictures", None)
        if self.units == UnitsSpec():
            content.pop("units", None)
        return content

    @property
    def dataset_name(self) -> str:
        """What the data set is called in the store: its name, or that of its file."""
        return self.dataset if self.dataset in DATASETS else slug(Path(self.dataset).name)

    @property
    def has_pictures(self) -> bool:
        """Whether the data set is one of pictures in files."""
        return self.dataset not in DATASETS and not is_arrays(self.dataset)

    def model(self, name: str) -> ModelSpec:
        """Return the model called ``name``, or raise :class:`InputError` with the names there are."""
        for spec in self.models:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.models)
        raise InputError(f"no model is called {name!r} in the study {self.name}; there are: {known}")

    def splits(self, spec: ModelSpec) -> tuple[str, ...]:
        """Return the splits that are distorted for a model."""
        if self.sets.splits is not None:
            return self.sets.splits
        return ("test",) if spec.split in HALVES else ("train",)

    def method(self, rule: str) -> MethodName:
        """Return the method by which the sets of ``rule`` are made."""
        return self.sets.method if rule == "nearest" else self.sets.targeted_method or self.sets.method

    def examples(self, rule: str, spec: ModelSpec | None = None) -> int | None:
        """Return the most images in a set of ``rule`` for ``spec``, or for no model as noise is; None: the split's."""
        limits = [
            self.sets.examples,
            None if rule == "nearest" else self.sets.targeted_examples,
            None if spec is None else spec.examples,
        ]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def unit_models(self) -> tuple[str, ...]:
        """The models whose units are looked at; the AlexNet that is given for its bounds among them, where one is."""
        if self.units.models:
            return self.units.models
        return (*[ALEXNET] * bool(self.bounds.alexnet), *(spec.name for spec in self.models))

    @property
    def feature_models(self) -> tuple[str, ...]:
        """The models on whose features a detector is trained; of all that there are AlexNet is the last."""
        if self.detector is None:
            return ()
        if self.detector.models != "all":
            return self.detector.models
        return (*(spec.name for spec in self.models), *[ALEXNET] * bool(self.bounds.alexnet))

    @property
    def distorted_splits(self) -> tuple[str, ...]:
        """The splits that are distorted for any model, in one order; none where the study makes no sets."""
        if not self.sets.rules:
            return ()
        wanted = {split for spec in self.models for split in self.splits(spec)}
        return tuple(split for split in ("train", "test") if split in wanted)

    @property
    def families(self) -> tuple[tuple[ModelSpec, ...], ...]:
        """The models that differ in their penalty alone, two or more together, the weakest first."""
        found: dict[ModelSpec, list[ModelSpec]] = {}
        for spec in self.models:
            if spec.given is not None:
                continue
            alike = spec.model_copy(update={"name": "any", "paper": "", "examples": None, "penalty": 0.0})
            found.setdefault(alike, []).append(spec)
        return tuple(tuple(sorted(each, key=lambda spec: spec.penalty)) for each in found.values() if len(each) > 1)

    @property
    def compares_penalties(self) -> bool:
        """Whether there are models that differ in their penalty alone, with sets that tell what it does."""
        sets_there = "nearest" in self.sets.rules and all(
            "test" in self.splits(spec) for family in self.families for spec in family
        )
        return bool(self.families) and sets_there and self.bounds.models
