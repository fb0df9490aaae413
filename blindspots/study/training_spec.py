"""How the models of a study are trained."""

from typing import Annotated, Any, Literal

from pydantic import Field

from blindspots.study.model_spec import ModelSpec
from blindspots.study.part import Part


class AdamSpec(Part):
    """Minibatch Adam: how convolutional and hardened networks are trained, and how others may be begun."""

    epochs: int = Field(10, ge=1, le=10_000, description="Passes over the training images")
    batch: int = Field(60, ge=1, le=100_000, description="Images in a minibatch")
    rate: float = Field(
        2e-3, gt=0, le=1, description="Rate at its peak: it rises over the first epoch, then falls by a cosine"
    )


class AutoencoderSpec(Part):
    """The sparse autoencoder below AE400-10's softmax; the values usual for MNIST."""

    decay: float = Field(3e-3, ge=0, le=1e3, description="Decay of both layers' weights: half of it times the squares")
    sparsity: float = Field(0.1, gt=0, lt=1, description="Mean activation that every code is drawn to")
    weight: float = Field(3.0, ge=0, le=1e3, description="Weight of the codes' divergence from that mean")
    iterations: int = Field(100, ge=1, le=1_000_000, description="Stop after this many iterations of L-BFGS")
    tolerance: float = Field(1e-3, gt=0, le=1, description="Stop when the gradient's Euclidean norm is at most this")


class TrainingSpec(Part):
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
        if spec.by_minibatches:
            return self.model_dump(mode="json", include={"images", "adam", "decay_form"})
        if spec.in_rounds:  # whose rounds and iterations are the model's own
            return self.model_dump(mode="json", include={"images", "decay_form"})
        unused = set()
        if not self.warm_epochs:
            unused.add("adam")
        if spec.network != "autoencoder":
            unused.add("autoencoder")
        return self.model_dump(mode="json", exclude=unused)
