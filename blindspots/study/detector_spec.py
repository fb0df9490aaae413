"""A detector: a linear binary classifier on frozen features, as the paper's car classifier on QuocNet (Figure 6)."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from blindspots.study.bounds_spec import ALEXNET
from blindspots.study.part import Part, Sha256, Shown, Slug, check_hash, check_once, from_anywhere

WHEELED_VEHICLES = (
    *("ambulance", "amphibian", "barrow", "beach wagon", "bicycle-built-for-two", "cab", "convertible"),
    *("electric locomotive", "fire engine", "forklift", "freight car", "garbage truck", "go-kart", "golfcart"),
    *("half track", "horse cart", "jeep", "jinrikisha", "limousine", "minivan", "mobile home", "Model T", "moped"),
    *("motor scooter", "mountain bike", "moving van", "oxcart", "passenger car", "pickup", "police van", "racer"),
    *("recreational vehicle", "shopping cart", "snowmobile", "snowplow", "sports car", "steam locomotive"),
    *("streetcar", "tank", "tow truck", "tractor", "trailer truck", "tricycle", "unicycle"),
)
"""ImageNet's classes below WordNet's "wheeled vehicle": 44, of which 10 are cars, too few of one picture each."""

QUOCNET, PIXELS = "quocnet", "pixels"
"""The extractors that need no weights of others: the study's QuocNet, and the images it sees, as they are."""


class ExtractorSpec(Part):
    """A network out of a file, whose outputs are the features: for an AlexNet without its head, its pool5."""

    name: Slug = Field(description="What the extractor is called in the store")
    weights: str = Field(min_length=1, description="File of weights, or its address on the web")
    sha256: Sha256 = Field("", description="SHA-256, or its first digits, of what lies at that address")
    network: str = Field("", description="A known network's name; empty for what the weights tell")

    @field_validator("name")
    @classmethod
    def _not_taken(cls, value: str) -> str:
        if value in (QUOCNET, PIXELS):
            raise ValueError(f"the name {value} is kept for the study's own; name the extractor otherwise")
        return value

    @field_validator("weights")
    @classmethod
    def _path_from_anywhere(cls, value: str) -> str:
        """Make a path absolute: whoever does the work may be in another folder."""
        return from_anywhere(value)

    @model_validator(mode="after")
    def _address_has_a_hash(self) -> "ExtractorSpec":
        check_hash(self.weights, self.sha256)
        return self


class DetectorSpec(Part):
    """Which pictures a linear classifier is to tell from the others, on which features, and how many are misled."""

    what: Shown = Field(
        "wheeled vehicle", min_length=1, description="What the positive pictures show, in one word or two"
    )
    positive: tuple[str, ...] = Field(
        WHEELED_VEHICLES, min_length=1, description="The classes of the positive pictures, by names or numbers"
    )
    extractors: tuple[ExtractorSpec, ...] = Field(
        (), description="Networks whose outputs are features, beside the study's QuocNet and the pixels it sees"
    )
    models: tuple[Slug, ...] | Literal["all"] = Field(
        (),
        description="Models of the study whose last features before the logits are features too; all: every model, and "
        f"the pool5 of {ALEXNET} where bounds.alexnet names one",
    )
    folds: int = Field(5, ge=2, le=100, description="Parts of the pictures, each read by a classifier of the others")
    decay: float = Field(0.01, gt=0, le=1e6, description="Decay of the classifier's weights, on features of unit size")
    images: int = Field(16, ge=1, le=100_000, description="Positive pictures that are made to be read as negative")

    @field_validator("positive", "models")
    @classmethod
    def _no_value_twice(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if not isinstance(value, str):
            check_once(value)
        return value

    @field_validator("extractors")
    @classmethod
    def _no_extractor_twice(cls, value: tuple[ExtractorSpec, ...]) -> tuple[ExtractorSpec, ...]:
        names = [each.name for each in value]
        if len(set(names)) < len(names):
            raise ValueError(f"an extractor is named twice in {names}; give every one a name of its own")
        return value
