"""How a QuocNet is trained on a study's pictures, stage by stage and without labels."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from blindspots.study.part import Part
from blindspots.study.quocnet_size import SIZES, QuocNetSize

SizeName = Literal["quocnet-2011", "quocnet-64", "quocnet-mini"]
assert set(get_args(SizeName)) == set(SIZES)

WINDOW = 50
"""Steps between two looks at the pictures held out, each of which is a checkpoint."""


def _told_by(value: Any) -> str:
    """Return whether a size is meant by its name, so that what is wrong is said of one kind alone."""
    return "name" if isinstance(value, str) else "sizes"


class QuocNetSpec(Part):
    """A QuocNet (Le et al. 2011), trained on the study's pictures: reconstruction and pooled sparsity."""

    size: Annotated[
        Annotated[SizeName, Tag("name")] | Annotated[QuocNetSize, Tag("sizes")], Discriminator(_told_by)
    ] = Field(
        "quocnet-mini",
        description="quocnet-2011, the paper's; quocnet-64, two stages in colours; quocnet-mini, one in grey",
    )
    images: int = Field(800, ge=1, le=100_000_000, description="Pictures to train on, class-balanced")
    held_out: int = Field(200, ge=1, le=1_000_000, description="Pictures on which the objective is watched")
    squares: int = Field(8, ge=1, le=1000, description="Squares that are cut out of every picture; 1: the middle alone")
    batch: int = Field(100, ge=1, le=100_000, description="Squares in a minibatch")
    sparsity: float = Field(0.06, gt=0, le=1e3, description="Weight of the penalty on the pooled codes")
    coding: Literal["tied", "unit-norm"] = Field(
        "tied",
        description="tied: what draws the picture is what looks at it; unit-norm: it is free, and the filters that "
        "look at it have unit norm; with both free the objective is degenerate",
    )
    rate: float = Field(3e-3, gt=0, le=1, description="Rate of Adam")
    steps: int = Field(2000, ge=WINDOW, le=100_000_000, description="Stop a stage after this many steps, or ...")
    decrease: float = Field(
        0.005, ge=0, lt=1, description=f"... when the loss held out fell by less than this share in {WINDOW} steps"
    )
    tiles: tuple[Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]] = Field(
        (1, 1), description="Rows and columns of tiles in which a stage is trained, each by one worker at a time"
    )
    replicas: int = Field(
        1, ge=1, le=100_000, description="Parts of every minibatch, each done by a worker of its own for every tile"
    )

    @model_validator(mode="after")
    def _replicas_hold_inputs(self) -> "QuocNetSpec":
        if self.replicas > self.batch_rows:
            raise ValueError(f"replicas = {self.replicas}: a minibatch has {self.batch_rows} inputs; name no more")
        return self

    @model_validator(mode="after")
    def _tiles_hold_places(self) -> "QuocNetSpec":
        for number, shape in enumerate(self.shape.shapes, 1):
            for tiles, places in zip(self.tiles, shape.places, strict=True):
                if tiles > places:
                    raise ValueError(
                        f"tiles = {list(self.tiles)}: stage {number} has {places} places each way; name no more"
                    )
        return self

    @property
    def batch_rows(self) -> int:
        """How many squares a minibatch has: all that there are, where that is fewer."""
        return min(self.batch, self.images * self.squares)

    @property
    def shape(self) -> QuocNetSize:
        """Fields, maps and stages."""
        return SIZES[self.size] if isinstance(self.size, str) else self.size
