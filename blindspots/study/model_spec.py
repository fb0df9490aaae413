"""A model of a study: a network to train, or one that is given with its weights."""

from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from blindspots.study.part import Part, Sha256, Shown, Slug, from_anywhere, is_address
from blindspots.study.pools_spec import HardeningSpec, PoolsSpec

Width = Annotated[int, Field(ge=1, le=100_000)]
HALVES = ("p1", "p2")
"""The splits of Tables 3 and 4: two disjoint halves of the training images."""
GIVEN = "given"
"""The kind of network that the study does not describe: :attr:`GivenSpec.network` names it."""


class GivenSpec(Part):
    """Weights that are there already: where they lie, and what they are the weights of."""

    weights: str = Field(
        min_length=1, description="A file of weights (.safetensors, .pth, .pt), or its address on the web"
    )
    sha256: Sha256 = Field(
        "", description="SHA-256 of the file, or its first digits; wanted for what lies at an address"
    )
    network: str = Field(
        "",
        max_length=200,
        description="The network that they belong to: a known name such as alexnet, the name under which an installed "
        "package offers one, or package.module:function of a package that the run allows; empty for the one that the "
        "model describes by network, hidden and channels",
    )

    @field_validator("weights")
    @classmethod
    def _path_from_anywhere(cls, value: str) -> str:
        return from_anywhere(value)

    @model_validator(mode="after")
    def _address_has_a_hash(self) -> "GivenSpec":
        if is_address(self.weights) and not self.sha256:
            raise ValueError(f"sha256 = '': the SHA-256 of {self.weights} is wanted, its first 8 digits or all")
        return self


class ModelSpec(Part):
    """One network and how strongly its weights decay (section 1 of the paper), or weights that are given."""

    name: Slug = Field(description="Name of the model in the store, such as fc100-100-10")
    paper: Shown = Field("", description="The paper's name for it, such as FC100-100-10")
    network: Literal["fully-connected", "autoencoder", "convolutional", "given"] = Field(
        "fully-connected",
        description="Architecture; autoencoder: the first hidden layer is a sparse autoencoder's, trained first and "
        "then frozen; given: the one that given.network names",
    )
    hidden: tuple[Width, ...] = Field(
        (), description="Hidden units in each fully connected layer; empty for softmax regression on the pixels"
    )
    channels: tuple[Width, ...] = Field((), description="Channels of each convolution, in a convolutional network")
    decay: tuple[Annotated[float, Field(ge=0, le=1e3)], ...] = Field(
        (),
        description="Quadratic weight decay, one value for each layer of weights; an autoencoder's is training's; "
        "empty for a given model",
    )
    biases: bool = Field(
        True,
        description="Whether a unit has a bias, which no decay draws to 0; without, they stay 0, as in the paper's "
        "softmax models",
    )
    penalty: float = Field(
        0.0,
        ge=0,
        le=1e3,
        description="Strength of the penalty on the network's Lipschitz bound (section 4.3 of the paper): times "
        "log(1 + product of the layers' bounds)",
    )
    split: Literal["train", "p1", "p2"] = Field(
        "train", description="Part of the data set to train on, or that it was trained on"
    )
    initial: int = Field(0, ge=0, lt=2**31, description="Another number draws other initial weights")
    examples: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Images in each of its sets at most; empty for as many as the study's"
    )
    given: GivenSpec | None = Field(None, description="Weights that are there already; empty for a model to train")
    pools: PoolsSpec | None = Field(
        None, description="Pools of adversarial examples that a fully connected network is trained with; or none"
    )
    hardening: HardeningSpec | None = Field(
        None, description="Minibatches in the place of L-BFGS, with dropout and the like; empty for L-BFGS"
    )

    @field_validator("decay", "hidden", "channels", mode="before")
    @classmethod
    def _one_value_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float | str) else value

    @model_validator(mode="before")
    @classmethod
    def _given_by_name(cls, content: Any) -> Any:
        """Say ``network: given`` for who names the network of given weights and says nothing more."""
        given = content.get("given") if isinstance(content, Mapping) else None
        name = given.get("network") if isinstance(given, Mapping) else getattr(given, "network", "")
        return {"network": GIVEN, **content} if name else content

    @model_validator(mode="after")
    def _layers_fit(self) -> "ModelSpec":
        if self.network == GIVEN:
            self._check_named()
        else:
            self._check_described()
        if self.given is not None:
            self._check_given()
        elif len(self.decay) != self._layers:
            raise ValueError(
                f"decay has {len(self.decay)} value(s) but {self.name} has {self._layers} layer(s) of weights"
            )
        if self.penalty and self.network == "autoencoder":
            raise ValueError(
                f"penalty = {self.penalty:g}: {self.name} is an autoencoder, which has none; set penalty=0"
            )
        self._check_hardened()
        if not self.biases:
            self._check_without_biases()
        for half in HALVES:
            if self.name.endswith(f"-{half}") and self.split != half:
                raise ValueError(
                    f"split = {self.split!r}: {self.name} is named after the split {half}; set split={half}"
                )
        return self

    def _check_named(self) -> None:
        """Raise ``ValueError`` unless the network is named, and nothing else is said of it."""
        if self.given is None or not self.given.network:
            raise ValueError(f"network = 'given': {self.name} needs given.network, the name of one")
        for field in ("hidden", "channels"):
            if getattr(self, field):
                raise ValueError(
                    f"{field} = {list(getattr(self, field))}: the layers of {self.name} are those of "
                    f"{self.given.network}, its given.network; leave {field} out"
                )

    def _check_described(self) -> None:
        """Raise ``ValueError`` unless the layers fit the architecture."""
        if self.given is not None and self.given.network:
            raise ValueError(
                f"network = {self.network!r}: given.network of {self.name} names another, {self.given.network}; "
                "leave one of them out"
            )
        if bool(self.channels) != (self.network == "convolutional"):
            wrong = "needs channels, such as [16, 32]" if not self.channels else "has no channels"
            raise ValueError(f"{self.name}: a network that is {self.network} {wrong}")
        if self.network == "autoencoder" and len(self.hidden) != 1:
            raise ValueError(f"hidden = {list(self.hidden)}: {self.name} is an autoencoder and has one layer of codes")

    def _check_given(self) -> None:
        """Raise ``ValueError`` where something is said of the training of what is not trained."""
        for field in ("decay", "penalty", "initial"):
            value = getattr(self, field)
            if value:
                said = list(value) if isinstance(value, tuple) else value
                raise ValueError(f"{field} = {said}: {self.name} is given and not trained; leave it out")

    def _check_hardened(self) -> None:
        """Raise ``ValueError`` where what hardens a network does not fit it."""
        for field, spec in (("pools", self.pools), ("hardening", self.hardening)):
            if spec is None:
                continue
            if self.given is not None:
                raise ValueError(f"{field}: {self.name} is given and not trained; leave it out")
            if self.network != "fully-connected":
                raise ValueError(f"{field}: {self.name} is {self.network}; only fully connected networks have them")
            spec.check_layers(self.hidden)
        if self.hardening is not None and self.pools is not None and self.pools.lbfgs:
            raise ValueError(
                f"hardening: {self.name} is trained by L-BFGS (pools.lbfgs), and that is of minibatches; leave one of "
                "them out"
            )

    def _check_without_biases(self) -> None:
        """Raise ``ValueError`` where biases can't be left out."""
        if self.given is not None:
            raise ValueError(f"biases = False: {self.name} is given and not trained; leave it out")
        if self.network != "fully-connected" or self.hardened:
            kind = "trained by minibatches or with pools" if self.hardened else self.network
            raise ValueError(
                f"biases = False: {self.name} is {kind}; only fully connected networks that L-BFGS trains do without"
            )

    @property
    def hardened(self) -> bool:
        """Whether it is a fully connected network that is trained with pools, or with what else hardens."""
        return self.pools is not None or self.hardening is not None

    @property
    def by_minibatches(self) -> bool:
        """Whether it is trained by minibatches from the beginning to the end."""
        in_full = self.pools is not None and self.pools.lbfgs is not None
        return self.network == "convolutional" or (self.hardened and not in_full)

    @property
    def in_rounds(self) -> bool:
        """Whether L-BFGS trains it with pools that change from round to round."""
        return self.pools is not None and self.pools.lbfgs is not None and not self.pools.idle

    @property
    def _layers(self) -> int:
        """How many layers of weights have a decay of their own."""
        return len(self.channels) + len(self.hidden) + 1 - (self.network == "autoencoder")

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out biases, a penalty of 0 and parts that are not there: so a model is the work it was before."""
        content: dict[str, Any] = handler(self)
        if self.biases:
            content.pop("biases", None)
        if not self.penalty:
            content.pop("penalty", None)
        for part in ("given", "pools", "hardening"):
            if getattr(self, part) is None:
                content.pop(part, None)
        return content

    @property
    def layers(self) -> dict[str, Any]:
        """What the network is made of, and nothing of how its weights come about."""
        if self.given is not None and self.given.network:
            return {"network": self.given.network}
        return {"network": self.network, "channels": self.channels, "hidden": self.hidden}

    @property
    def sigmoid(self) -> bool:
        """Whether all its hidden units are sigmoids, of which more is proved than of others."""
        return self.network in ("fully-connected", "autoencoder")

    def weights(self, shape: tuple[int, ...], classes: int) -> int:
        """Return how many weights the fully connected layers have for images of ``shape``; 0 where that is not known.

        A rough measure of how long the network takes, in which convolutions hand on as many values as they are given.
        """
        if self.network == GIVEN:
            return 0
        return sum(inputs * outputs for inputs, outputs in pairwise((prod(shape), *self.hidden, classes)))
