"""The networks that searches are compared on: trained on all of MNIST once, then kept in the cache."""

from dataclasses import asdict, dataclass
from time import perf_counter

import torch
from torch import nn

from blindspots.datasets.dataset import Dataset
from blindspots.datasets.sources import cache_folder
from blindspots.identity import identity
from blindspots.networks.build import build_network, initialise
from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.store.weights import load_weights, save_weights
from blindspots.study.built_in import QUICK
from blindspots.training.lbfgs import minimise
from blindspots.training.objective import Objective, from_vector, to_vector

LINEAR = ("fc10-1e-4", "fc10-1e-2", "fc10-1")
SIGMOID = ("fc100-100-10", "fc200-200-10")
CONVOLUTIONAL = "convolutional"
_NOTHING = 1e-12
NAMES = (*LINEAR, *SIGMOID, CONVOLUTIONAL)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: some epochs of minibatch Adam, then full-batch L-BFGS; either may be left out."""

    epochs: int = 0
    batch: int = 0
    rate: float = 0.0
    """Adam's rate at the peak; it rises over the first epoch, then falls by a cosine."""
    iterations: int = 0
    """Of L-BFGS at most; it stops before where the gradient's norm is at most ``tolerance``."""
    tolerance: float = 0.0
    decay: tuple[float, ...] = ()
    """Of each layer's weights; biases are free."""
    seed: int = 0


def recipe(name: str) -> Recipe:
    """Return how the network ``name`` is trained: on the study's objective, where the study has it."""
    if name in LINEAR:
        return Recipe(iterations=400, tolerance=2e-4, decay=QUICK.model(name).decay)
    if name in SIGMOID:
        return Recipe(epochs=15, batch=500, rate=1e-2, iterations=150, tolerance=2e-4, decay=QUICK.model(name).decay)
    return Recipe(epochs=4, batch=125, rate=2e-3, decay=(0.0,) * 4)


def untrained(name: str, seed: int) -> nn.Module:
    """Return the network ``name`` with the weights that training begins with."""
    if name == CONVOLUTIONAL:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Sequential(
                nn.Conv2d(1, 16, 5, stride=2, padding=2),
                nn.ReLU(),
                nn.Conv2d(16, 32, 5, stride=2, padding=2),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 7 * 7, 100),
                nn.ReLU(),
                nn.Linear(100, 10),
            )
    network = build_network(QUICK.model(name), shape=(1, 28, 28), classes=10)
    initialise(network, seed=seed)
    return network


def trained(name: str, dataset: Dataset) -> nn.Module:
    """Return the network ``name``, trained on all training images of ``dataset``, its weights frozen.

    Its weights are kept in the cache under a hash of the recipe; what training took and reached is printed.
    """
    how = recipe(name)
    model = untrained(name, how.seed)
    file = path(name, how, model, dataset)
    try:
        model.load_state_dict(load_weights(*file))
    except CorruptShardError:
        images, labels = dataset.images("train"), dataset.labels("train")
        began = perf_counter()
        if how.epochs:
            by_adam(model, images, labels, how)
        if how.iterations:
            by_lbfgs(model, images, labels, how)
        seconds = perf_counter() - began
        loss, errors = objective(model, images, labels, how.decay)
        test = misread(model, dataset.images("test"), dataset.labels("test"))
        reached = f"loss {loss:.5f}, training error {100 * errors:.2f}%, test error {100 * test:.2f}%"
        print(f"{name} trained in {seconds:.1f} s: {reached}", flush=True)
        save_weights(*file, model.state_dict(), {"reached": reached, "seconds": f"{seconds:.1f}"})
    return model.eval().requires_grad_(False)


def path(name: str, how: Recipe, model: nn.Module, dataset: Dataset) -> tuple[Place, str]:
    """Return where trained weights are, folder and file, which is another when anything that decides them is."""
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    key = identity(recipe=asdict(how), shapes=shapes, dataset=dataset.sha256)
    return Place.at(cache_folder() / "benchmark-networks"), f"{name}-{key[:16]}.safetensors"


def layers(model: nn.Module) -> list[nn.Module]:
    """Return the modules that hold weights, from the input on."""
    return [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]


def by_lbfgs(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, how: Recipe) -> None:
    """Minimise over all images at once until the gradient's norm is small."""
    point = None
    for count, point in enumerate(minimise(Objective(model, images, labels, decay=how.decay), to_vector(model))):
        if point.gradient_norm <= how.tolerance or count == how.iterations:
            break
    from_vector(model, point.weights)


def by_adam(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, how: Recipe) -> None:
    """Minimise over seeded minibatches; Adam's own weight decay is the gradient of decay / 2 times the squares."""
    found = layers(model)
    groups = [{"params": [layer.weight], "weight_decay": decay} for layer, decay in zip(found, how.decay, strict=True)]
    groups.append({"params": [layer.bias for layer in found if layer.bias is not None], "weight_decay": 0.0})
    optimiser = torch.optim.Adam(groups, lr=how.rate, betas=(0.9, 0.99), fused=True)
    each = len(images) // how.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, how.rate, epochs=how.epochs, steps_per_epoch=each, pct_start=1 / how.epochs, cycle_momentum=False
    )
    order = torch.Generator().manual_seed(how.seed)
    for _ in range(how.epochs):
        for part in torch.randperm(len(images), generator=order)[: each * how.batch].split(how.batch):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():  # decay alone drives the weights of pixels that are always 0 to subnormal numbers, and
        for layer in found:  # products with those are twenty times slower, which no search would be to blame for
            layer.weight[layer.weight.abs() < _NOTHING] = 0


@torch.no_grad()
def objective(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, decay: tuple[float, ...]
) -> tuple[float, float]:
    """Return the study's objective over all images, and the share that is misread."""
    logits = torch.cat([model(part) for part in images.split(2000)])
    loss = float(nn.functional.cross_entropy(logits, labels))
    for value, layer in zip(decay, layers(model), strict=True):
        loss += value / 2 * float(layer.weight.double().square().sum())
    return loss, float((logits.argmax(dim=1) != labels).double().mean())


def misread(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of images that is misread."""
    return objective(model, images, labels, (0.0,) * len(layers(model)))[1]
