"""Whose hidden units to hold against other directions (section 3 of the paper)."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from blindspots.study.bounds_spec import ALEXNET
from blindspots.study.part import Part, Slug, check_once, from_anywhere

LayerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$", max_length=200)]


class UnitsSpec(Part):
    """Which layers' units to hold against random directions, and by how many of them (section 3)."""

    rotations: int = Field(
        0, ge=0, le=100_000, description="Random rotations that the units are held against, 199 for p to 0.005; 0: none"
    )
    models: tuple[Slug, ...] = Field(
        (),
        description=f"Models whose units are looked at; empty for all, and {ALEXNET} where bounds.alexnet names one",
    )
    layers: tuple[LayerName, ...] = Field(
        (),
        description="Layers by the names that weights have, such as features.12, in every one of the models that has "
        "them; empty for all nonlinear ones, poolings and the last",
    )
    split: Literal["train", "test"] = Field("test", description="Images that are ranked: held out, as in the paper")
    images: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Images that are ranked, class-balanced; empty for the whole split"
    )
    top: int = Field(8, ge=2, le=100, description="Images to which a direction answers most: those that are compared")
    directions: int = Field(
        256, ge=2, le=100_000, description="Most units of a layer, drawn by the seed, and as many directions a rotation"
    )
    score: Literal["coordinate", "maximum"] = Field(
        "coordinate",
        description="coordinate: of the flattened activation, as in the paper; maximum: of a map, over its places",
    )
    bases: int = Field(
        10, ge=0, le=10_000, description="Bases of each other kind: without negative parts, whitened, partly turned"
    )
    doses: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.25, 0.5, 0.75), description="How far the units are turned towards a random rotation, as shares of the way"
    )
    untrained: bool = Field(True, description="Look at the same layers before training too, with random weights")
    features: Slug | None = Field(
        None,
        description="Model of the study in whose last features before the logits pictures are compared as well; empty "
        "for none",
    )

    wordnet: str = Field(
        "",
        description="WordNet's file data.noun, for pictures whose classes are wnids, to compare them by what they are "
        "kinds of as well; empty for none",
    )

    @field_validator("wordnet")
    @classmethod
    def _path_from_anywhere(cls, value: str) -> str:
        """Make a path absolute: whoever does the work may be in another folder."""
        return from_anywhere(value)

    @field_validator("models", "layers", "doses")
    @classmethod
    def _no_value_twice(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        check_once(value)
        return value

    @model_validator(mode="after")
    def _enough_images(self) -> "UnitsSpec":
        if self.images is not None and self.images <= self.top:
            raise ValueError(f"images = {self.images}: more than top = {self.top} are wanted, to tell the first apart")
        return self
