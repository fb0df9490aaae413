"""What to study: data set, networks, training and the sets to make, as validated, hashable values.

A study is plain data. It says nothing about workers, devices or folders: those are settings of a run and never part of
what is computed. The same models validate a YAML file, the command line's ``--set`` and the Prefect form.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from blindspots.errors import InputError

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=64)]
RuleName = Annotated[str, Field(pattern=r"^(nearest|second|random|class-[0-9])$")]
MethodName = Literal["auto", "lbfgs", "lbfgs-norm", "projection"]
Width = Annotated[int, Field(ge=1, le=100_000)]
HALVES = ("p1", "p2")
"""The splits of Tables 3 and 4: two disjoint halves of the training images."""
ALEXNET = "alexnet"
"""Table 5's network, in the store."""
PRETRAINED = "pretrained"
"""Stands for the public weights of the widespread AlexNet."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSpec(_Part):
    """One network and how strongly its weights decay; section 1 of the paper."""

    name: Slug = Field(description="Name of the model in the store, such as fc100-100-10")
    paper: str = Field("", description="The paper's name for it, such as FC100-100-10")
    network: Literal["fully-connected", "autoencoder", "convolutional"] = Field(
        "fully-connected",
        description="Architecture; autoencoder: the first hidden layer is a sparse autoencoder's, trained first and "
        "then frozen",
    )
    hidden: tuple[Width, ...] = Field(
        (), description="Hidden units in each fully connected layer; empty for softmax regression on the pixels"
    )
    channels: tuple[Width, ...] = Field((), description="Channels of each convolution, in a convolutional network")
    decay: tuple[Annotated[float, Field(ge=0, le=1e3)], ...] = Field(
        description="Quadratic weight decay, one value for each layer of weights; an autoencoder's is training's"
    )
    penalty: float = Field(
        0.0,
        ge=0,
        le=1e3,
        description="Strength of the penalty on the network's Lipschitz bound (section 4.3 of the paper): times "
        "log(1 + product of the layers' bounds)",
    )
    split: Literal["train", "p1", "p2"] = Field("train", description="Part of the data set to train on")
    initial: int = Field(0, ge=0, lt=2**31, description="Another number draws other initial weights")
    examples: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Images in each of its sets at most; empty for as many as the study's"
    )

    @field_validator("decay", "hidden", "channels", mode="before")
    @classmethod
    def _one_value_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float | str) else value

    @model_validator(mode="after")
    def _layers_fit(self) -> "ModelSpec":
        if bool(self.channels) != (self.network == "convolutional"):
            wrong = "needs channels, such as [16, 32]" if not self.channels else "has no channels"
            raise ValueError(f"{self.name}: a network that is {self.network} {wrong}")
        if self.network == "autoencoder" and len(self.hidden) != 1:
            raise ValueError(f"hidden = {list(self.hidden)}: {self.name} is an autoencoder and has one layer of codes")
        layers = len(self.channels) + len(self.hidden) + 1 - (self.network == "autoencoder")
        if len(self.decay) != layers:
            raise ValueError(f"decay has {len(self.decay)} value(s) but {self.name} has {layers} layer(s) of weights")
        if self.penalty and self.network == "autoencoder":
            raise ValueError(
                f"penalty = {self.penalty:g}: {self.name} is an autoencoder, which has none; set penalty=0"
            )
        for half in HALVES:
            if self.name.endswith(f"-{half}") and self.split != half:
                raise ValueError(
                    f"split = {self.split!r}: {self.name} is named after the split {half}; set split={half}"
                )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a penalty of 0: a model without one is the work that it was before there were any."""
        content: dict[str, Any] = handler(self)
        if not self.penalty:
            content.pop("penalty", None)
        return content

    @property
    def layers(self) -> dict[str, Any]:
        """What the network is made of, and nothing of how its weights come about."""
        return {"network": self.network, "channels": self.channels, "hidden": self.hidden}


class AdamSpec(_Part):
    """Minibatch Adam: how convolutional networks are trained, and how others may be begun."""

    epochs: int = Field(10, ge=1, le=10_000, description="Passes over the training images")
    batch: int = Field(60, ge=1, le=100_000, description="Images in a minibatch")
    rate: float = Field(
        2e-3, gt=0, le=1, description="Rate at its peak: it rises over the first epoch, then falls by a cosine"
    )


class AutoencoderSpec(_Part):
    """The sparse autoencoder below AE400-10's softmax; the values usual for MNIST."""

    decay: float = Field(3e-3, ge=0, le=1e3, description="Decay of both layers' weights: half of it times the squares")
    sparsity: float = Field(0.1, gt=0, lt=1, description="Mean activation that every code is drawn to")
    weight: float = Field(3.0, ge=0, le=1e3, description="Weight of the codes' divergence from that mean")
    iterations: int = Field(100, ge=1, le=1_000_000, description="Stop after this many iterations of L-BFGS")
    tolerance: float = Field(1e-3, gt=0, le=1, description="Stop when the gradient's Euclidean norm is at most this")


class TrainingSpec(_Part):
    """Full-batch L-BFGS on the mean cross-entropy plus weight decay; Adam for convolutional networks."""

    images: Annotated[int, Field(ge=10)] | None = Field(
        None, description="Train on this many images, class-balanced; empty for all of the split"
    )
    iterations: int = Field(2000, ge=1, le=1_000_000, description="Stop after this many iterations of L-BFGS")
    tolerance: float = Field(
        2e-4, gt=0, le=1, description="Converged when the gradient's Euclidean norm is at most this, and ..."
    )
    decrease: float = Field(
        1e-2, gt=0, le=1, description="... the loss fell by at most this share of itself over the last 10 iterations"
    )
    decay_form: Literal["half-squares", "per-unit"] = Field(
        "half-squares",
        description="half-squares: decay / 2 times the sum of squares; per-unit: as printed in the paper, "
        "decay times the sum of squares over the layer's units",
    )
    warm_epochs: int = Field(
        0, ge=0, le=10_000, description="Epochs of Adam before L-BFGS; 0 for a cold start, as in the paper"
    )
    checkpoint_every: int = Field(
        100, ge=1, le=100_000, description="Iterations between checkpoints, each of which restarts L-BFGS's memory"
    )
    adam: AdamSpec = AdamSpec()
    autoencoder: AutoencoderSpec = AutoencoderSpec()

    def part_for(self, spec: ModelSpec) -> dict[str, Any]:
        """Return the fields that decide the weights of a model ``spec``, as JSON."""
        if spec.network == "convolutional":
            return self.model_dump(mode="json", include={"images", "adam", "decay_form"})
        unused = set()
        if not self.warm_epochs:
            unused.add("adam")
        if spec.network != "autoencoder":
            unused.add("autoencoder")
        return self.model_dump(mode="json", exclude=unused)


class SetsSpec(_Part):
    """Which adversarial sets to make for every model, and the reference sets to hold them against."""

    rules: tuple[RuleName, ...] = Field(
        ("nearest", "random"),
        min_length=1,
        description="How the target is chosen: nearest, second, random, class-0 to class-9",
    )
    method: MethodName = Field(
        "auto",
        description="auto: the one that finds less; lbfgs: the paper's, on c times the squared norm; lbfgs-norm: on c "
        "times the norm, as printed; projection: onto the boundary",
    )
    targeted_method: MethodName | None = Field(
        None, description="The method for rules with a target, where it is another; the paper's sets are by lbfgs-norm"
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


class NegativesSpec(_Part):
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


class BoundsSpec(_Part):
    """Whose layers to bound (section 4.3)."""

    models: bool = Field(True, description="Bound every layer of every model")
    certified: int = Field(
        100,
        ge=0,
        le=1_000_000,
        description="Images of each sigmoid network's nearest set whose least distortion is bounded from below by what "
        "is proved near them, a fraction of a second each; 0 to leave this out",
    )
    alexnet: str = Field(
        "",
        description="For Table 5, an AlexNet's weights: a file (.safetensors, .pth), its address on the web, or "
        "'pretrained' for the public ones, which are downloaded; empty for none",
    )
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{8,64})?$")] = Field(
        "", description="SHA-256, or its first digits, of what lies at that address"
    )

    @field_validator("alexnet")
    @classmethod
    def _path_from_anywhere(cls, value: str) -> str:
        """Make a path absolute: whoever does the work may be in another folder."""
        return value if value in ("", PRETRAINED) or "://" in value else str(Path(value).expanduser().absolute())

    @model_validator(mode="after")
    def _address_has_a_hash(self) -> "BoundsSpec":
        if ("://" in self.alexnet) != bool(self.sha256):
            wrong = "belongs to an address on the web" if self.sha256 else f"is wanted for {self.alexnet}"
            raise ValueError(f"sha256 = {self.sha256!r}: a SHA-256 {wrong}")
        return self

    @property
    def fetched(self) -> bool:
        """Whether the weights come from the web."""
        return self.alexnet == PRETRAINED or "://" in self.alexnet


class Study(_Part):
    """Everything that decides what a run computes."""

    name: Slug = Field(description="Name of the study")
    dataset: Literal["mnist", "fashion-mnist"] = Field("mnist", description="Data set")
    models: tuple[ModelSpec, ...] = Field(min_length=1, description="Networks to train and compare")
    training: TrainingSpec = TrainingSpec()
    sets: SetsSpec = SetsSpec()
    negatives: NegativesSpec = NegativesSpec()
    bounds: BoundsSpec = BoundsSpec()
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the examples' order, the random targets and the noise")
    seeds: int = Field(1, ge=1, le=1000, description="Models trained per network, from different initial weights")

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
        if ALEXNET in names:
            raise ValueError(f"the name {ALEXNET} is kept for Table 5's network; name the model otherwise")
        seen: dict[ModelSpec, str] = {}
        for spec in value:
            same = seen.setdefault(spec.model_copy(update={"name": "any", "paper": ""}), spec.name)
            if same != spec.name:
                raise ValueError(f"{same} and {spec.name} are one model; give one of them another number for initial")
        return value

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
    def distorted_splits(self) -> tuple[str, ...]:
        """The splits that are distorted for any model, in one order."""
        wanted = {split for spec in self.models for split in self.splits(spec)}
        return tuple(split for split in ("train", "test") if split in wanted)

    @property
    def families(self) -> tuple[tuple[ModelSpec, ...], ...]:
        """The models that differ in their penalty alone, two or more together, the weakest first."""
        found: dict[ModelSpec, list[ModelSpec]] = {}
        for spec in self.models:
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
