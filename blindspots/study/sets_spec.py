"""Which adversarial sets to make, and how often random directions are tried beside them."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from blindspots.study.part import Part

RuleName = Annotated[
    str, Field(pattern=r"^(nearest|second|random|class-(0|[1-9][0-9]{0,4}|[^\W\d][\w ',.-]*))$", max_length=100)
]
MethodName = Literal["auto", "lbfgs", "lbfgs-norm", "projection"]
EffortName = Literal["fast", "usual", "thorough"]
PENALISED: tuple[MethodName, ...] = ("lbfgs", "lbfgs-norm")
"""Methods that search over c."""
VALUES = 7
"""Values of c, unless one says."""


class SetsSpec(Part):
    """Which adversarial sets to make for every model, and the reference sets to hold them against."""

    rules: tuple[RuleName, ...] = Field(
        ("nearest", "random"),
        description="How the target is chosen: nearest, second, random, class-0 to class-9, or a class by its name, "
        "such as class-ostrich; empty for no sets",
    )
    method: MethodName = Field(
        "auto",
        description="auto: the one that finds less; lbfgs: the paper's, on c times the squared norm; lbfgs-norm: on c "
        "times the norm, as printed; projection: onto the boundary",
    )
    targeted_method: MethodName | None = Field(
        None, description="The method for rules with a target, where it is another; the paper's sets are by lbfgs-norm"
    )
    effort: EffortName = Field(
        "usual",
        description="How much auto tries on networks that are not smooth: fast, usual or thorough, for about 1, 5 and "
        "200 times the work",
    )
    c_values: int = Field(
        VALUES,
        ge=1,
        le=100,
        description="Values of c that lbfgs and lbfgs-norm try once the largest that succeeds is bracketed; with fewer "
        "c ends smaller and the distortion larger",
    )
    splits: tuple[Literal["train", "test"], ...] | None = Field(
        None,
        min_length=1,
        description="Images to distort; empty for the paper's: training images for models trained on all of them, test "
        "images for those trained on a half",
    )
    examples: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Images in a set, class-balanced; empty for the whole split"
    )
    targeted_examples: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Images in sets with a target and in sets of noise at most; empty for as many as in others"
    )
    shard: int = Field(2000, ge=1, le=1_000_000, description="Images computed and written together")
    noise: tuple[Annotated[float, Field(gt=0, le=10)], ...] = Field(
        (0.06, 0.1, 0.3, 1.0), description="Standard deviations of the Gaussian noise in the reference sets"
    )
    amplified_to: float = Field(
        0.1, gt=0, le=1, description="Distortion to which sets are amplified when shown, as in Table 4"
    )
    amplified_splits: tuple[Literal["train", "test"], ...] = Field(
        ("test",), description="Splits whose sets are shown amplified as well"
    )

    @field_validator("rules", "splits", "noise", "amplified_splits")
    @classmethod
    def _no_value_twice(cls, value: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if value is not None and len(set(value)) != len(value):
            raise ValueError(f"a value stands twice in {list(value)}")
        return value

    @model_validator(mode="after")
    def _values_are_for_a_method(self) -> "SetsSpec":
        if self.c_values != VALUES and not {self.method, self.targeted_method} & set(PENALISED):
            raise ValueError(
                f"c_values = {self.c_values}: no set is made by a search over c; set targeted_method=lbfgs-norm"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_the_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the usual effort and values of c: without them a study is the one that it was before."""
        content: dict[str, Any] = handler(self)
        if self.effort == "usual":
            content.pop("effort", None)
        if self.c_values == VALUES:
            content.pop("c_values", None)
        return content


class NegativesSpec(Part):
    """How often random directions misread, at multiples of an image's least distortion."""

    images: int = Field(500, ge=0, le=1_000_000, description="Images of a model's nearest set; 0 to leave this out")
    directions: int = Field(200, ge=1, le=1_000_000, description="Random directions an image")
    multiples: tuple[Annotated[float, Field(gt=0, le=1000)], ...] = Field(
        (1.0, 1.5, 2.0, 3.0, 5.0), min_length=1, description="Distortions, in multiples of the image's least"
    )

    @field_validator("multiples")
    @classmethod
    def _no_value_twice(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"a value stands twice in {list(value)}")
        return value
