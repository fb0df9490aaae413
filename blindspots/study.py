"""What to study: data set, networks, training and the sets to make, as validated, hashable values.

A study is plain data. It says nothing about workers, devices or folders: those are settings of a run and never part of
what is computed. The same models validate a YAML file, the command line's ``--set`` and the Prefect form.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from blindspots.errors import InputError

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=64)]
RuleName = Annotated[str, Field(pattern=r"^(nearest|second|random|class-[0-9])$")]
MethodName = Literal["auto", "lbfgs", "projection"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSpec(_Part):
    """One network and how strongly its weights decay; section 1 of the paper."""

    name: Slug = Field(description="Name of the model in the store, such as fc100-100-10")
    paper: str = Field("", description="The paper's name for it, such as FC100-100-10")
    network: Literal["fully-connected"] = Field("fully-connected", description="Architecture")
    hidden: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = Field(
        (), description="Sigmoid units in each hidden layer; empty for softmax regression on the pixels"
    )
    decay: tuple[Annotated[float, Field(ge=0, le=1e3)], ...] = Field(
        description="Quadratic weight decay, one value for each layer of weights"
    )
    split: Literal["train", "p1", "p2"] = Field("train", description="Part of the data set to train on")

    @field_validator("decay", "hidden", mode="before")
    @classmethod
    def _one_value_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float | str) else value

    @model_validator(mode="after")
    def _one_decay_a_layer(self) -> "ModelSpec":
        layers = len(self.hidden) + 1
        if len(self.decay) != layers:
            raise ValueError(f"decay has {len(self.decay)} value(s) but {self.name} has {layers} layer(s) of weights")
        return self


class TrainingSpec(_Part):
    """Full-batch L-BFGS on the mean cross-entropy plus weight decay."""

    images: Annotated[int, Field(ge=10)] | None = Field(
        None, description="Train on this many images, class-balanced; empty for all of the split"
    )
    iterations: int = Field(2000, ge=1, le=1_000_000, description="Stop after this many iterations of L-BFGS")
    tolerance: float = Field(2e-4, gt=0, le=1, description="Stop when the gradient's Euclidean norm is at most this")
    decay_form: Literal["half-squares", "per-unit"] = Field(
        "half-squares",
        description="half-squares: decay / 2 times the sum of squares; per-unit: as printed in the paper, "
        "decay times the sum of squares over the layer's units",
    )
    checkpoint_every: int = Field(
        100, ge=1, le=100_000, description="Iterations between checkpoints, each of which restarts L-BFGS's memory"
    )


class SetsSpec(_Part):
    """Which adversarial sets to make for every model, and the reference sets to hold them against."""

    rules: tuple[RuleName, ...] = Field(
        ("nearest", "random"),
        min_length=1,
        description="How the target is chosen: nearest, second, random, class-0 to class-9",
    )
    method: MethodName = Field(
        "auto", description="auto: the one that finds less; lbfgs: the paper's; projection: onto the boundary"
    )
    splits: tuple[Literal["train", "test"], ...] = Field(("train",), min_length=1, description="Images to distort")
    examples: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Images in a set, class-balanced; empty for the whole split"
    )
    shard: int = Field(2000, ge=1, le=1_000_000, description="Images computed and written together")
    noise: tuple[Annotated[float, Field(gt=0, le=10)], ...] = Field(
        (0.1, 0.3, 1.0), description="Standard deviations of the Gaussian noise in the reference sets"
    )
    amplified_to: float = Field(
        0.1, gt=0, le=1, description="Distortion to which sets are amplified when shown, as in Table 4"
    )

    @field_validator("rules", "splits", "noise")
    @classmethod
    def _no_value_twice(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"a value stands twice in {list(value)}")
        return value


class Study(_Part):
    """Everything that decides what a run computes."""

    name: Slug = Field(description="Name of the study")
    dataset: Literal["mnist", "fashion-mnist"] = Field("mnist", description="Data set")
    models: tuple[ModelSpec, ...] = Field(min_length=1, description="Networks to train and compare")
    training: TrainingSpec = TrainingSpec()
    sets: SetsSpec = SetsSpec()
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
        return value

    def model(self, name: str) -> ModelSpec:
        """Return the model called ``name``, or raise :class:`InputError` with the names there are."""
        for spec in self.models:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.models)
        raise InputError(f"no model is called {name!r} in the study {self.name}; there are: {known}")


_FC10 = tuple(
    ModelSpec(name=f"fc10-{text}", paper=f"FC10({text})", decay=(float(text),)) for text in ("1e-4", "1e-2", "1")
)
_SIGMOID = tuple(
    ModelSpec(
        name=f"fc{width}-{width}-10", paper=f"FC{width}-{width}-10", hidden=(width, width), decay=(1e-5, 1e-5, 1e-6)
    )
    for width in (100, 200)
)

QUICK = Study(
    name="quick",
    models=_FC10 + _SIGMOID,
    training=TrainingSpec(images=10_000, iterations=200),
    sets=SetsSpec(examples=1000, shard=250),
)
MNIST = Study(name="mnist", models=_FC10 + _SIGMOID)

BUILT_IN: dict[str, tuple[Study, str]] = {
    "quick": (QUICK, "five networks on 10 000 training images, sets of 1000: minutes on a laptop"),
    "mnist": (MNIST, "five networks on all 60 000 training images, trained to convergence"),
}


_OWNERS: dict[str, type[_Part]] = {"models": ModelSpec, "training": TrainingSpec, "sets": SetsSpec}


def load_study(name: str, changes: list[str] | None = None) -> Study:
    """Return the study called ``name``, or read from the YAML file at that path, with ``key=value`` changes applied.

    A key is a dotted path (``training.iterations``); a model is addressed by its name
    (``models.fc10-1e-4.decay=2e-4``). Raises :class:`InputError`, naming the key and the value, when something does
    not fit.
    """
    content = BUILT_IN[name][0].model_dump(mode="json") if name in BUILT_IN else _read_file(name)
    for change in changes or []:
        _apply(content, change)
    return validate_study(content)


def validate_study(content: Any) -> Study:
    """Return ``content``, a nested mapping, as a :class:`Study`; raise a one-line :class:`InputError` if it is none."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        details = error.errors()
        # a list with a bad item is called too short as well
        items = {detail["loc"][:-1] for detail in details}
        said = [detail for detail in details if not (detail["type"] == "too_short" and detail["loc"] in items)]
        raise InputError("; ".join(_one_line(detail, content) for detail in said)) from None


def _read_file(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"} and not path.is_file():
        raise InputError(
            f"no study is called {name!r}; the built-in ones are {', '.join(BUILT_IN)}, "
            "and a study of your own is the path of a YAML file"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the study file {name} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise InputError(f"the study file {name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"the study file {name} holds {type(content).__name__}, not a mapping of a study's fields")
    content.setdefault("name", path.stem)
    return content


def _apply(content: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise InputError(f"--set {change!r} is not of the form key=value, such as training.iterations=100")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"the value in --set {change!r} is not YAML; quote it") from None
    node: Any = content
    parts = _split_key(key, content)
    for part in parts[:-1]:
        node = _child(node, part, key)
    if isinstance(node, list):
        raise InputError(f"--set {key}: name one of the model's fields, such as {key}.decay")
    _check_known(parts, key)
    node[parts[-1]] = value


def _split_key(key: str, content: dict[str, Any]) -> list[str]:
    """Split a dotted key, keeping a model's name whole even where it has dots."""
    head, _, rest = key.partition(".")
    if head != "models" or not rest:
        return key.split(".")
    names = [spec["name"] for spec in content.get("models") or [] if isinstance(spec, dict) and "name" in spec]
    for name in sorted(names, key=len, reverse=True):
        if rest == name:
            return [head, name]
        if rest.startswith(name + "."):
            return [head, name, *rest[len(name) + 1 :].split(".")]
    raise InputError(f"--set {key}: no model has that name; there are: {', '.join(names)}")


def _child(node: Any, part: str, key: str) -> Any:
    if isinstance(node, list):
        return next(item for item in node if item.get("name") == part)
    child = node.setdefault(part, {}) if isinstance(node, dict) else None
    if not isinstance(child, dict | list):
        raise InputError(f"--set {key}: {part} has no fields of its own")
    return child


def _check_known(parts: list[str], key: str) -> None:
    """Raise :class:`InputError` where the path leads to no field."""
    owner, place = (Study, "the study") if len(parts) == 1 else (_OWNERS.get(parts[0], Study), parts[0])
    fields = list(owner.model_fields)
    if parts[0] not in Study.model_fields or parts[-1] not in fields:
        raise InputError(f"--set {key}: no such field; the fields of {place} are {', '.join(fields)}")


def _one_line(detail: Any, content: Any) -> str:
    """Say one of pydantic's complaints as ``path = value: what would be right``."""
    node, path = content, []
    for step in detail["loc"]:
        if isinstance(node, dict | list | tuple) and not (isinstance(node, dict) and step not in node):
            node = node[step]
        named = isinstance(node, dict) and isinstance(step, int) and node.get("name")
        path.append(str(named or step))
    where = ".".join(path) or "study"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{where}: no such field"
    if detail["type"] == "missing":
        return f"{where}: this field is required"
    if detail["type"] == "string_pattern_mismatch" and "rules" in detail["loc"]:
        return f"{where} = {detail['input']!r}: there are nearest, second, random, and class-0 to class-9"
    if detail["type"] == "value_error":
        return f"{where}: {message}"
    return f"{where} = {detail['input']!r}: {message}"
