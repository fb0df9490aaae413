"""How large a QuocNet is: fields, maps and stages, and what follows from them (Le et al. 2011)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Annotated

from pydantic import Field, model_validator

from blindspots.study.part import Part

MINI = "quocnet-mini"
"""The size that a laptop trains in seconds."""


@dataclass(frozen=True)
class StageShape:
    """The geometry of one stage: local filters of their own at every place, pooling, normalisation."""

    channels: int
    """Maps that come in."""
    height: int
    width: int
    field: int
    """Height and width of what a filter sees."""
    maps: int
    """Filters at every place."""
    stride: int
    pool: int
    """Height and width of the windows of pooling; at stride 1, inside the map."""

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of places at which there are filters."""
        return (self.height - self.field) // self.stride + 1, (self.width - self.field) // self.stride + 1

    @property
    def values(self) -> int:
        """Weights of one filter."""
        return self.channels * self.field**2

    @property
    def filters(self) -> tuple[int, int, int, int]:
        """Shape of the filters: rows and columns of places, maps, weights."""
        return (*self.places, self.maps, self.values)

    @property
    def weights(self) -> int:
        """How many weights the filters have."""
        return prod(self.filters)

    @property
    def output(self) -> tuple[int, int, int]:
        """Shape of what comes out: maps, height, width."""
        rows, columns = self.places
        return self.maps, rows - self.pool + 1, columns - self.pool + 1


class QuocNetSize(Part):
    """Fields, maps and stages of a QuocNet."""

    height: int = Field(ge=4, le=4096, description="Height and width of an image")
    channels: int = Field(3, ge=1, le=64, description="Channels of an image: 1 grey, 3 colours")
    fields: tuple[Annotated[int, Field(ge=2, le=256)], ...] = Field(
        min_length=1, max_length=16, description="Height and width of the filters, a number a stage"
    )
    strides: tuple[Annotated[int, Field(ge=1, le=256)], ...] = Field(
        min_length=1, max_length=16, description="Pixels from one place to the next, a number a stage"
    )
    maps: int = Field(8, ge=1, le=1024, description="Filters at every place")
    pool: int = Field(5, ge=1, le=64, description="Height and width of the windows of L2 pooling")

    @model_validator(mode="after")
    def _stages_fit(self) -> "QuocNetSize":
        if len(self.fields) != len(self.strides):
            raise ValueError(
                f"{len(self.fields)} fields and {len(self.strides)} strides: one of each a stage is wanted"
            )
        for number, shape in enumerate(self.shapes, 1):
            left = (shape.height - shape.field) % shape.stride
            if shape.field > shape.height or left:
                raise ValueError(
                    f"stage {number}: fields of {shape.field} at stride {shape.stride} do not cover {shape.height} "
                    f"pixels; {shape.height - left} would do"
                )
            if shape.output[1] < 1:
                raise ValueError(
                    f"stage {number}: {shape.places[0]} places do not hold windows of {shape.pool}; take larger images"
                )
        return self

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of an image: channels, height, width."""
        return self.channels, self.height, self.height

    @property
    def shapes(self) -> tuple[StageShape, ...]:
        """The geometry of every stage."""
        found: list[StageShape] = []
        channels, height = self.channels, self.height
        for field, stride in zip(self.fields, self.strides, strict=True):
            found.append(StageShape(channels, height, height, field, self.maps, stride, self.pool))
            channels, height = found[-1].output[:2]
        return tuple(found)

    @property
    def features(self) -> int:
        """How many values the last stage gives."""
        return prod(self.shapes[-1].output)

    @property
    def weights(self) -> int:
        """How many weights all stages have."""
        return sum(shape.weights for shape in self.shapes)


SIZES: Mapping[str, QuocNetSize] = {
    "quocnet-2011": QuocNetSize(height=200, fields=(18, 18, 18), strides=(1, 1, 1)),
    "quocnet-64": QuocNetSize(height=64, fields=(10, 10), strides=(2, 2)),
    MINI: QuocNetSize(height=24, channels=1, fields=(8,), strides=(2,)),
}
"""The sizes that have a name: the paper's, two stages in colours, and one stage in grey."""
