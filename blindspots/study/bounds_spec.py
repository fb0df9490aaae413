"""Whose layers to bound (section 4.3 of the paper)."""

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from blindspots.study.part import Part, Sha256, check_hash, from_anywhere, is_address

ALEXNET = "alexnet"
"""Table 5's network, in the store."""
PRETRAINED = "pretrained"
"""Stands for the public weights of the widespread AlexNet."""


class BoundsSpec(Part):
    """Whose layers to bound (section 4.3)."""

    models: bool = Field(True, description="Bound every layer of every model")
    certified: int = Field(
        100,
        ge=0,
        le=1_000_000,
        description="Images of the nearest set of each network whose least distortion is bounded from below by what is "
        "proved near them, a fraction of a second each; of convolutional and given ones, which take seconds, a quarter "
        "as many; 0 to leave this out",
    )
    parts: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Parts of an image's ball that branch and bound looks at, at most, for convolutional networks: "
        "more is proved, in more time; 0: by linear bounds alone",
    )
    alexnet: str = Field(
        "",
        description="For Table 5, an AlexNet's weights: a file (.safetensors, .pth), its address on the web, or "
        "'pretrained' for the public ones, which are downloaded; empty for none",
    )
    sha256: Sha256 = Field("", description="SHA-256, or its first digits, of what lies at that address")

    @field_validator("alexnet")
    @classmethod
    def _path_from_anywhere(cls, value: str) -> str:
        """Make a path absolute: whoever does the work may be in another folder."""
        return value if value == PRETRAINED else from_anywhere(value)

    @model_validator(mode="after")
    def _address_has_a_hash(self) -> "BoundsSpec":
        check_hash(self.alexnet, self.sha256)
        return self

    @property
    def fetched(self) -> bool:
        """Whether the weights come from the web."""
        return self.alexnet == PRETRAINED or is_address(self.alexnet)

    @model_serializer(mode="wrap")
    def _without_the_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is asked of branch and bound where that is nothing: so a study is the one that it was."""
        content: dict[str, Any] = handler(self)
        if not self.parts:
            content.pop("parts", None)
        return content
