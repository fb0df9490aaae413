"""The studies that come with the package: the whole of section 4.2, in small and at full scale."""

from blindspots.study.bounds_spec import BoundsSpec
from blindspots.study.detector_spec import DetectorSpec
from blindspots.study.model_spec import GivenSpec, ModelSpec
from blindspots.study.pictures_spec import PicturesSpec
from blindspots.study.recipes.pools_studies import POOLS, POOLS_TEST
from blindspots.study.sets_spec import NegativesSpec, SetsSpec
from blindspots.study.study import Study
from blindspots.study.training_spec import AdamSpec, AutoencoderSpec, TrainingSpec
from blindspots.study.units_spec import UnitsSpec

_SIGMOID_DECAY = (1e-5, 1e-5, 1e-6)


def _sigmoid(first: int, second: int, **others: str | int) -> ModelSpec:
    """Return one of the paper's networks with two hidden layers of sigmoid units."""
    name = "-".join([f"fc{first}-{second}-10", *(str(others[key]) for key in ("split", "initial") if key in others)])
    return ModelSpec.model_validate({"name": name, "hidden": (first, second), "decay": _SIGMOID_DECAY, **others})


MODELS = (
    *(
        ModelSpec(name=f"fc10-{text}", paper=f"FC10({text})", decay=(float(text),), biases=False)
        for text in ("1e-4", "1e-2", "1")
    ),
    _sigmoid(100, 100, paper="FC100-100-10"),
    _sigmoid(200, 200, paper="FC200-200-10"),
    ModelSpec(name="ae400-10", paper="AE400-10", network="autoencoder", hidden=(400,), decay=(1e-6,)),
    ModelSpec(
        name="conv24-48-100-10",
        network="convolutional",
        channels=(24, 48),
        hidden=(100,),
        decay=(3e-4, 3e-4, 3e-4, 3e-4),
        examples=10_000,
    ),
    _sigmoid(100, 100, initial=1),
    _sigmoid(200, 200, initial=1),
    _sigmoid(100, 100, paper="FC100-100-10 on P1", split="p1"),
    _sigmoid(123, 456, paper="FC123-456-10 on P1", split="p1"),
    _sigmoid(100, 100, paper="FC100-100-10' on P2", split="p2"),
)
"""The networks of Tables 1 to 4; beside them a convolutional one, which the paper lacks, and two from other weights."""

QUICK = Study(
    name="quick",
    models=tuple(spec.model_copy(update={"examples": spec.examples and 250}) for spec in MODELS),
    training=TrainingSpec(
        images=10_000,
        iterations=100,
        adam=AdamSpec(epochs=5),
        autoencoder=AutoencoderSpec(iterations=50),
    ),
    sets=SetsSpec(targeted_method="lbfgs-norm", examples=1000, shard=250),
    negatives=NegativesSpec(images=100, directions=100),
    bounds=BoundsSpec(certified=10),
)
MNIST = Study(name="mnist", models=MODELS, sets=SetsSpec(targeted_method="lbfgs-norm", targeted_examples=10_000))
PAPER = Study(
    name="paper",
    models=tuple(spec for spec in MODELS if spec.network != "convolutional"),
    sets=MNIST.sets.model_copy(update={"rules": ("random",)}),
    negatives=NegativesSpec(images=0),
    bounds=BoundsSpec(models=False, certified=0),
    seeds=8,
)
"""What stands in the paper's Tables 1 to 4 and nothing else, often enough to see how much a training's luck decides."""


def _family(name: str, examples: int | None) -> tuple[ModelSpec, ...]:
    """Return one of the networks without a penalty and under three, from no effect on the test error to too much."""
    free = MNIST.model(name).model_copy(update={"examples": examples})
    changes = ({"name": f"{name}-l{text}", "paper": "", "penalty": float(text)} for text in ("1e-3", "1e-2", "1e-1"))
    return (free, *(free.model_copy(update=each) for each in changes))


PENALTY = Study(
    name="penalty",
    models=(*_family("fc100-100-10", None), *_family("conv24-48-100-10", 2000)),
    training=TrainingSpec(adam=AdamSpec(epochs=5)),
    sets=SetsSpec(rules=("nearest",), splits=("test",), noise=(0.1,), amplified_to=0.05),
    negatives=NegativesSpec(images=0),
    bounds=BoundsSpec(certified=50),
    seeds=5,
)

UNITS = Study(
    name="units",
    models=(
        MNIST.model("conv24-48-100-10").model_copy(update={"examples": None}),
        MNIST.model("fc100-100-10"),
    ),
    sets=SetsSpec(rules=(), noise=()),
    negatives=NegativesSpec(images=0),
    bounds=BoundsSpec(models=False, certified=0),
    units=UnitsSpec(rotations=199, directions=128, features="fc100-100-10"),
)


def _lite(number: int) -> ModelSpec:
    """Return an EfficientNet-Lite whose file lies in the current folder, unless a run says where it is."""
    weights = GivenSpec(weights=f"efficientnet_lite{number}.safetensors", network=f"efficientnet-lite{number}")
    return ModelSpec(name=f"efficientnet-lite{number}", paper=f"EfficientNet-Lite{number}", given=weights)


_WHEELED = (
    *(407, 408, 428, 436, 444, 468, 511, 547, 555, 561, 565, 569, 573, 575, 586, 603, 609, 612, 627, 656, 660, 661),
    *(665, 670, 671, 675, 690, 705, 717, 734, 751, 757, 791, 802, 803, 817, 820, 829, 847, 864, 866, 867, 870, 880),
)
"""The wheeled vehicles by number: the class of a picture that lies in a folder of its wnid has no name."""

IMAGENET = Study(
    name="imagenet",
    dataset="./imagenet",
    pictures=PicturesSpec(size=224, crop=224 / 256, interpolation="bicubic"),
    models=(_lite(0), _lite(1)),
    sets=SetsSpec(
        rules=("class-9",),
        effort="fast",
        splits=("test",),
        examples=80,
        shard=8,
        noise=(),
        amplified_splits=(),
    ),
    negatives=NegativesSpec(images=0),
    units=UnitsSpec(
        rotations=199,
        layers=("features.2", "features.5", "features.12", "_blocks.5", "_blocks.15"),
        features="efficientnet-lite0",
    ),
    detector=DetectorSpec(positive=tuple(map(str, _WHEELED)), models="all"),
)
"""Figures 3 to 6: class 9 is the ostrich. Of 80 pictures a network that reads 85 of 100 reads 64, most likely. The
layers are AlexNet's poolings, where bounds.alexnet names one, and outputs of two of an EfficientNet-Lite's blocks. The
detector of wheeled vehicles stands on the features of all that is there: the networks whose files a run names anyway,
AlexNet's pool5 where its weights are named, and a QuocNet where one is asked for."""

BUILT_IN: dict[str, tuple[Study, str]] = {
    "quick": (QUICK, "section 4.2 in small: 10 000 training images, sets of 1000; minutes on a laptop"),
    "mnist": (MNIST, "section 4.2 at full scale: all training images, trained to convergence"),
    "paper": (PAPER, "the paper's Tables 1 to 4 from eight trainings a network: could its numbers be ours?"),
    "penalty": (PENALTY, "section 4.3's proposal: the Lipschitz bound penalised, at four strengths in two networks"),
    "pools": (POOLS, "section 1's pools of adversarial examples, at every layer: chosen on images held out"),
    "pools-test": (POOLS_TEST, "one recipe of each kind of the study pools, on the test images, from ten seeds"),
    "units": (UNITS, "section 3: hidden units against random directions, in a convolutional network and FC100-100-10"),
    "imagenet": (
        IMAGENET,
        "Figures 3 to 6: ImageNet's pictures by units, all made ostriches, vehicles no longer detected, in networks "
        "you have",
    ),
}
