"""How the pictures of a folder become images of one size."""

from typing import Annotated, Literal

from pydantic import Field

from blindspots.study.part import Part

Interpolation = Literal["bilinear", "bicubic"]


class PicturesSpec(Part):
    """What is cut out of every picture, and what becomes of pictures that are not like the others.

    What is empty is what the networks want whose weights the study is given.
    """

    size: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="Height and width of an image, in pixels; empty for what the given networks take"
    )
    crop: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Side of the central square that is cut out, as a share of the picture's shorter side; empty for "
        "what the given networks state",
    )
    interpolation: Interpolation | None = Field(
        None, description="How the square is resized, where it is of another size; empty for what the networks state"
    )
    channels: Literal[1, 3] = Field(3, description="3: red, green and blue; 1: grey, also of pictures in colour")
    grey: bool = Field(False, description="Take a picture of one channel as one whose three channels are the same")
    skip_damaged: bool = Field(
        False, description="Leave out files that are damaged or are no pictures, instead of refusing them"
    )
