"""What hardens a model while it is trained: the paper's pools of adversarial examples, and their rivals."""

from collections.abc import Sequence
from math import sqrt
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from blindspots.study.part import Part

Layer = Annotated[int, Field(ge=0, le=100)]


_UNSOUGHT = {"gradient": "up the gradient", "linear": "in the linear direction"}
"""Directions that are taken without a search."""


class LbfgsRounds(Part):
    """Full-batch L-BFGS in rounds, as the trainer of a network with pools: the paper's networks were trained by it."""

    rounds: int = Field(20, ge=1, le=10_000, description="Rounds in the training, each of a loss of its own")
    iterations: int = Field(10, ge=1, le=10_000, description="Iterations of L-BFGS in a round, at most")


class PoolsSpec(Part):
    """Pools of adversarial examples, one for each layer's output, mixed into the training (section 1 of the paper).

    A round is so many minibatches, or so many iterations of L-BFGS. At its beginning some slots of every pool
    get new examples, perturbed for the weights that the network had one round before (``delay`` 1), or has now (0).
    """

    layers: tuple[Layer, ...] = Field(
        (0,), min_length=1, description="Whose outputs have pools: 0 is the input, k the k-th hidden layer"
    )
    size: int = Field(18_000, ge=1, le=100_000_000, description="Slots of a pool: as many examples are in it at most")
    share: float = Field(0.5, ge=0, le=1, description="Share of the slots that get new examples in a round")
    rounds: int = Field(2, ge=1, le=10_000, description="Rounds in an epoch")
    weight: float = Field(0.5, ge=0, le=1, description="Weight of the pools in the loss; the images have the rest")
    direction: Literal["nearest", "random", "gradient", "linear"] = Field(
        "nearest",
        description="Where a perturbation leads: to the nearest other class, a random one, or up the loss's gradient; "
        "linear: to the nearest other class as it looks from the activation, without a search",
    )
    reach: float = Field(0.75, ge=0, le=1e3, description="How far it goes, in what reach_form says")
    reach_form: Literal["fixed", "share"] = Field(
        "fixed",
        description="fixed: reach is its Euclidean length; share: reach times the least that misleads in its direction",
    )
    stored: Literal["delta", "activation"] = Field(
        "delta",
        description="delta: what is added to the activation that the network has when it is shown; activation: the "
        "perturbed activation itself",
    )
    trains: Literal["above", "all"] = Field(
        "all", description="Which layers a pool trains: those above its own, as in the paper, or all"
    )
    turns: Literal["together", "alternating"] = Field(
        "together", description="Whether a round mixes in the pools of all layers, or of one after the other"
    )
    delay: Literal[0, 1] = Field(
        1, description="Rounds between the weights that a perturbation is made for and its use; 0: in one process"
    )
    lbfgs: LbfgsRounds | None = Field(
        None, description="Full-batch L-BFGS as the trainer, in rounds; empty for minibatch Adam"
    )

    @field_validator("layers", mode="before")
    @classmethod
    def _one_layer_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "PoolsSpec":
        if len(set(self.layers)) != len(self.layers):
            raise ValueError(f"layers = {list(self.layers)}: a layer stands twice")
        if not self.share:
            raise ValueError(f"share = 0: nothing is replaced in {self.rounds} round(s) an epoch; give a share above 0")
        if self.turns == "alternating" and len(self.layers) == 1:
            raise ValueError(
                f"turns = 'alternating': there is one pool, at layer {self.layers[0]}; name more layers, or set "
                "turns=together"
            )
        if self.direction in _UNSOUGHT and self.reach_form == "share":
            raise ValueError(
                f"reach_form = 'share': no least distortion is sought {_UNSOUGHT[self.direction]}; set reach_form=fixed"
            )
        if self.stored == "activation" and self.trains == "all" and any(self.layers):
            raise ValueError(
                f"trains = 'all': an activation that is stored for layer {max(self.layers)} depends on no weights "
                "below it; set trains=above or stored=delta"
            )
        usual = type(self).model_fields["rounds"].default
        if self.lbfgs and self.rounds != usual:
            raise ValueError(
                f"rounds = {self.rounds}: those of an epoch, which L-BFGS has none of; set lbfgs.rounds, those of the "
                "training"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a trainer that is not there: so pools with minibatches are the work that they were before."""
        content: dict[str, Any] = handler(self)
        if self.lbfgs is None:
            content.pop("lbfgs", None)
        return content

    @property
    def idle(self) -> bool:
        """Whether the pools change nothing: no weight in the loss, or perturbations of length 0."""
        return not self.weight or not self.reach

    @property
    def replaced(self) -> int:
        """How many slots of a pool get new examples in a round: one at least."""
        return max(1, round(self.share * self.size))

    def check_layers(self, hidden: Sequence[int]) -> None:
        """Raise ``ValueError`` where a network with these hidden layers has no such pools."""
        for layer in self.layers:
            if layer > len(hidden):
                there = f"hidden layer(s) 1 to {len(hidden)}" if hidden else "no hidden layer"
                what = "that is the output, whose pool would train nothing" if layer == len(hidden) + 1 else "is none"
                raise ValueError(f"pools.layers = {list(self.layers)}: layer {layer}: {what}; there are 0 and {there}")
            if layer:
                self.check_reach(layer, hidden[layer - 1])

    def check_reach(self, layer: int, values: int) -> None:
        """Raise ``ValueError`` where a perturbation is longer than the box of so many values is across."""
        if self.reach_form == "fixed" and self.reach > sqrt(values):
            raise ValueError(
                f"pools.reach = {self.reach:g}: the box of the {values} values of layer {layer} is {sqrt(values):.4g} "
                "across; give at most that"
            )


class HardeningSpec(Part):
    """Minibatch Adam in the place of L-BFGS, with what hardens a network beside pools; with nothing, that alone."""

    dropout: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(
        (), description="Share of the values dropped: of the input, then of each hidden layer; empty for none"
    )
    max_norm: float = Field(
        0.0, ge=0, le=1e6, description="Largest Euclidean norm of the weights into a unit; 0 for no limit"
    )
    fresh: Literal["none", "gradient", "pgd", "virtual"] = Field(
        "none",
        description="What is made anew for each minibatch: a step up the gradient of the loss, projected gradient "
        "steps, or the virtual adversarial direction, which needs no labels",
    )
    layer: Layer = Field(0, description="Whose output it is added to: 0 is the input, k the k-th hidden layer")
    reach: float = Field(0.75, gt=0, le=1e3, description="Its Euclidean length")
    steps: int = Field(5, ge=1, le=1000, description="Projected gradient steps")
    weight: float = Field(0.5, ge=0, le=1, description="Weight of what is made in the loss")

    @field_validator("dropout", mode="before")
    @classmethod
    def _one_value_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float | str) else value

    def check_layers(self, hidden: Sequence[int]) -> None:
        """Raise ``ValueError`` where a network with these hidden layers cannot be hardened so."""
        if self.dropout and len(self.dropout) != len(hidden) + 1:
            raise ValueError(
                f"hardening.dropout = {list(self.dropout)}: {len(hidden) + 1} value(s) are wanted, one for the input "
                "and one for each hidden layer"
            )
        if self.fresh == "none":
            return
        if self.layer > len(hidden):
            raise ValueError(f"hardening.layer = {self.layer}: there are 0, the input, to {len(hidden)}")
        if self.layer and self.reach > sqrt(hidden[self.layer - 1]):
            raise ValueError(
                f"hardening.reach = {self.reach:g}: the box of layer {self.layer} is "
                f"{sqrt(hidden[self.layer - 1]):.4g} across; give at most that"
            )
