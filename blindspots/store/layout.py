"""Where everything lies under a root: the one place that knows the store's paths and groups.

<root>/study.json                              the study as last run, the format and the data set
<root>/models/<model>/seed-0.safetensors       weights, with their metadata
<root>/models/quocnet/stage-1/tile-0.safetensors   those of a QuocNet, a file a tile
<root>/study.zarr/                             everything else, one Zarr v3 hierarchy
<root>/receipts/<job>/<shard>.json             what is done; on an object store once more in <root>/receipts.pack

Paths are keys of a :class:`~blindspots.store.place.Place`; groups are paths inside the hierarchy.
"""

from collections.abc import Mapping

FORMAT = 1
"""Version of the store's layout, raised with every change that an older or newer blindspots could misread."""

STUDY = "study.json"  # the study as last run
STUDY_COPY = "receipts/study.json"
"""The same once more, for where that file is lost or damaged."""
LOCK = "run.lock"  # held by the run that works in a root
COPYING = "copying.txt"  # says from where a root is copied, while it is not whole
ZARR = "study.zarr"  # the Zarr hierarchy
METADATA = "zarr.json"  # Zarr's file on a group or an array, in its folder
HIERARCHY_METADATA = f"{ZARR}/{METADATA}"
"""The hierarchy's own metadata, where it is consolidated those of all that is in it."""
RECEIPTS = "receipts"  # the folder of all receipts
RECEIPTS_PACK = "receipts.pack"  # all of them in one file, where reading many takes long
MODELS = "models"  # the folder of all weights
BESIDE = "beside.zarr"
"""A hierarchy in which a group is made that takes the place of another at once."""
BESIDE_WHOLE = f"{BESIDE}/whole"
"""Says that what is made there is whole, and what it replaces done with."""
REPORT = "report.html"  # where no other file is named for it
TRANSFER = "transfer"
"""The group of every set shown to every model."""
PREDICTIONS = "predictions"
"""The group of what every model reads in every image that it is shown."""

DESCRIBED: Mapping[str, tuple[str, str]] = {
    "sets": (
        "sets/<model>/seed-<seed>/<split>/<rule>",
        "adversarial sets: perturbation (float32), label, target, prediction, distortion and its bounds, effort",
    ),
    "references": ("references/<split>/<noise>", "sets of Gaussian noise, as drawn and clipped"),
    "transfer": (TRANSFER, "every set shown to every model: counts, rates, intervals"),
    "predictions": (
        "predictions/<source>/seed-<seed>/<split>/<rule>",
        "what every model reads in every image of a set, in the set's order: <variant>-by-<model>",
    ),
    "training": ("training/<model>/seed-<seed>", "loss, error and gradient over the iterations"),
    "pools": (
        "pools/<model>/seed-<seed>/layer-<k>",
        "the pool of adversarial examples of a layer at the end of a training: a row a slot",
    ),
    "hardened": (
        "hardened/<model>/seed-<seed>",
        "what became of a way of training: errors, least distortions, transfer",
    ),
    "reasons": (
        "reasons/<model>/seed-<seed>",
        "what a model's pools are: how far from any image's activations, and their share of the gradient",
    ),
    "negatives": ("negatives/<model>/seed-<seed>", "what random directions misread, image by image"),
    "spectral": ("spectral/<model>/seed-<seed>", "bounds of every layer, and of the whole"),
    "certified": (
        "certified/<model>/seed-<seed>",
        "least distortions proved near each image, beside those found",
    ),
    "units": (
        "units/<model>/seed-<seed>/<trained or untrained>/<layer>",
        "section 3: what a layer's units and other directions answer to most, and how alike that is",
    ),
    "quocnet": ("quocnet/stage-<number>", "objective of a QuocNet's stage over the steps, and its filters' norms"),
    "detectors": ("detectors/<extractor>", "scores of a linear detector on frozen features, and pictures it misses"),
    "tables": ("tables/table<number>", "the tables of this page, every number unrounded"),
}
"""The hierarchy's top groups: the pattern of what lies there, and what that is."""


def model_name(model: str, seed: int) -> str:
    """Return the part of a path that names a model with its seed, such as ``fc10-1e-4/seed-0``."""
    return f"{model}/seed-{seed}"


def training_job(model: str, seed: int) -> str:
    """Return the key of the job that makes a model's weights, trained or given."""
    return f"models/{model_name(model, seed)}"


def weights(model: str, seed: int) -> str:
    """Return the file of a model's weights."""
    return f"{MODELS}/{model_name(model, seed)}.safetensors"


def checkpoint(model: str, seed: int) -> str:
    """Return the file of the weights of a model whose training is under way."""
    return f"{MODELS}/{model_name(model, seed)}.checkpoint.safetensors"


def hardened(model: str, seed: int) -> str:
    """Return the group of what became of a way of training, and the key of its job."""
    return f"hardened/{model_name(model, seed)}"


def reasons(model: str, seed: int) -> str:
    """Return the group of what the pools of a model are, and the key of its job."""
    return f"reasons/{model_name(model, seed)}"


def pools(model: str, seed: int) -> str:
    """Return the group of all pools of a model."""
    return f"pools/{model_name(model, seed)}"


def pool(model: str, seed: int, layer: int) -> str:
    """Return the group of the pool of a layer, as it is at the end of the training."""
    return f"{pools(model, seed)}/layer-{layer}"


def pool_work(model: str, seed: int) -> str:
    """Return the folder of all that is needed only while a model with pools is trained."""
    return f"{MODELS}/{model_name(model, seed)}.pools"


def pool_round(model: str, seed: int, number: int) -> str:
    """Return the folder of what a round puts into the pools, and of the weights that it is made from."""
    return f"{pool_work(model, seed)}/round-{number}"


def pool_weights(model: str, seed: int, number: int) -> str:
    """Return the file of the weights that a round's groups are made from."""
    return f"{pool_round(model, seed, number)}/weights.safetensors"


def pool_part(model: str, seed: int, number: int, layer: int, part: int) -> str:
    """Return the file of a part of what a round puts into the pool of a layer."""
    return f"{pool_round(model, seed, number)}/layer-{layer}.part-{part}.safetensors"


def quocnet_stage(stage: int) -> str:
    """Return the group of the training of a QuocNet's stage, counted from 1, and the key of its job."""
    return f"quocnet/stage-{stage}"


def detector(extractor: str) -> str:
    """Return the group of a detector on an extractor's features, and the key of its job."""
    return f"detectors/{extractor}"


def quocnet_tile(stage: int, tile: int) -> str:
    """Return the file of the weights of one tile of a QuocNet's stage."""
    return f"{MODELS}/quocnet/stage-{stage}/tile-{tile}.safetensors"


def quocnet_whitening() -> str:
    """Return the file of what whitens a QuocNet's images."""
    return f"{MODELS}/quocnet/whitening.safetensors"


def quocnet_work(stage: int) -> str:
    """Return the folder of all that is needed only while a QuocNet's stage is trained."""
    return f"{MODELS}/quocnet/stage-{stage}.work"


def quocnet_checkpoint(stage: int) -> str:
    """Return the file that says how far the training of a QuocNet's stage is."""
    return f"{quocnet_work(stage)}/checkpoint.safetensors"


def quocnet_inputs(stage: int, block: int) -> str:
    """Return the file of some of the inputs that a QuocNet's stage is trained on."""
    return f"{quocnet_work(stage)}/inputs/{block}.safetensors"


def quocnet_steps(stage: int, step: int | None = None) -> str:
    """Return the folder of what all tiles are before a step of the training; without one, that of all such folders."""
    return f"{quocnet_work(stage)}/steps" + ("" if step is None else f"/{step}")


def quocnet_state(stage: int, step: int, tile: int, name: str) -> str:
    """Return the file of an array of a tile before a step, or of what its neighbours read of it then."""
    return f"{quocnet_steps(stage, step)}/tile-{tile}.{name.replace(':', '-')}.safetensors"


def receipts(job: str) -> str:
    """Return the folder of a job's receipts."""
    return f"{RECEIPTS}/{job}"


def receipts_of(group: str) -> str:
    """Return the folder of the receipts of what lies in a group: of the job of that name, or of the training it is of.

    Of predictions, those of all pairs of the source; of what pairs count, those of all.
    """
    top, _, below = group.partition("/")
    if top == PREDICTIONS and below:
        return receipts(f"{TRANSFER}/{below.split('/')[0]}")
    if top == TRANSFER:
        return receipts(TRANSFER)
    return receipts(f"{MODELS}/{below}" if top in ("training", "pools") and below else group)


def is_shown(group: str) -> bool:
    """Tell whether pairs write a group: their receipts lie deeper than other jobs'."""
    return group.split("/")[0] in (TRANSFER, PREDICTIONS)


def receipt(job: str, shard: int) -> str:
    """Return the file of the receipt of one shard of a job."""
    return f"{RECEIPTS}/{job}/{shard}.json"


def figure(name: str, suffix: str) -> str:
    """Return the file of a figure, where no other is named for it."""
    return f"figures/figure{name}{suffix}" if name.isdigit() else f"figures/{name}{suffix}"


def in_hierarchy(path: str) -> str:
    """Return the file or folder of ``path`` inside the hierarchy."""
    return f"{ZARR}/{path}" if path else ZARR


def beside(key: str) -> str:
    """Return where a file or folder of the hierarchy lies while it is made beside."""
    return BESIDE + key.removeprefix(ZARR)


def metadata(group: str) -> str:
    """Return the file of a group's own metadata."""
    return in_hierarchy(f"{group}/{METADATA}")


def chunk(group: str, array: str, place: tuple[int, ...]) -> str:
    """Return the file of one chunk or shard of an array, by its place in the grid of chunks."""
    return in_hierarchy("/".join((group, array, "c", *map(str, place))))


def adversarial_set(model: str, seed: int, split: str, rule: str) -> str:
    """Return the group of a model's set, and the key of its job."""
    return f"sets/{model_name(model, seed)}/{split}/{rule}"


def reference_set(split: str, name: str) -> str:
    """Return the group of a set that belongs to no model, and the key of its job."""
    return f"references/{split}/{name}"


def pair_job(source: str, target: str, seed: int) -> str:
    """Return the key of the job that shows a source to a target; what it counts lies in :data:`TRANSFER`."""
    return f"transfer/{source}/{target}/seed-{seed}"


def predictions(source: str, seed: int, split: str, rule: str) -> str:
    """Return the group of what models read in the images of a set, of one that belongs to no model, or of none."""
    return f"{PREDICTIONS}/{model_name(source, seed)}/{split}/{rule}"


def prediction(variant: str, target: str) -> str:
    """Return the name of the array of what ``target`` reads in a set that is shown as ``variant``."""
    return f"{variant}-by-{target}"


def curve(model: str, seed: int) -> str:
    """Return the group of a training's curve."""
    return f"training/{model_name(model, seed)}"


def negatives(model: str, seed: int) -> str:
    """Return the group of a model's negatives, and the key of their job."""
    return f"negatives/{model_name(model, seed)}"


def bounds(model: str, seed: int) -> str:
    """Return the group of the bounds of a model's layers, and the key of their job."""
    return f"spectral/{model_name(model, seed)}"


def alexnet_bounds() -> str:
    """Return the group of the layers of Table 5's AlexNet, and the key of its job."""
    return "spectral/alexnet"


def certified(model: str, seed: int) -> str:
    """Return the group of what is proved of a model's least distortions, and the key of its job."""
    return f"certified/{model_name(model, seed)}"


def units(model: str, seed: int, *, trained: bool) -> str:
    """Return the group of what is known of the units of all of a model's layers, and the key of its job."""
    return f"units/{model_name(model, seed)}/{'trained' if trained else 'untrained'}"


def pixel_units() -> str:
    """Return the group in which the pixels are looked at as if they were units, and the key of its job."""
    return "units/pixels"


def table(name: str) -> str:
    """Return the group of a table, and the key of its job: the paper's by number, ours by name."""
    return f"tables/table{name}" if name.isdigit() else f"tables/{name}"
