"""What a question is asked about: models, sets, images; checked against the study before anything is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blindspots.errors import InputError
from blindspots.names import CLEAN, NO_RULE, noise_name
from blindspots.store import layout
from blindspots.study.study import Study

if TYPE_CHECKING:
    from blindspots.results.results import Results


@dataclass(frozen=True)
class Choice:
    """What a question is asked about; what is empty or None is chosen by the study."""

    models: tuple[str, ...] = ()
    """Whose sets: models, noise such as noise-0.1, or clean, the images as they are; all models by default."""
    readers: tuple[str, ...] = ()
    """Which models read them; all by default."""
    split: str | None = None
    """Of the sets; the first that the study distorts for the model by default."""
    rule: str | None = None
    """Of the sets; nearest by default, where there is such a set."""
    seed: int = 0
    """Of the models."""
    classes: tuple[str, ...] = ()
    """Of the images, by name or number; all by default."""
    variant: str = "plain"
    """How the sets are shown: plain, or amplified."""
    least: int | None = None
    """How many models an image is to fool; all by default."""
    limit: int = 10
    """The most images in a list, of each set."""
    quantiles: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    at: tuple[float, ...] = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
    """Distortions."""

    def __post_init__(self) -> None:
        for value in self.quantiles:
            if not 0 < value < 1:
                raise InputError(f"quantile {value:g}: a number between 0 and 1 is wanted, such as 0.5")
        for value in self.at:
            if not 0 <= value <= 1:
                raise InputError(f"a distortion of {value:g}: a number from 0 to 1 is wanted, such as 0.05")
        for name, number in (("limit", self.limit), ("least", self.least)):
            if number is not None and number < 1:
                raise InputError(f"{name} = {number}: 1 or more are wanted")


@dataclass(frozen=True)
class SetName:
    """What a stored set is known by; ``source`` may also be noise, or clean: the images as they are."""

    source: str
    seed: int
    split: str
    rule: str

    @property
    def group(self) -> str:
        """Where it lies; of the images as they are nothing does."""
        if self.rule == NO_RULE:
            return "" if self.source == CLEAN else layout.reference_set(self.split, self.source)
        return layout.adversarial_set(self.source, self.seed, self.split, self.rule)

    @property
    def predictions(self) -> str:
        """Where what models read in it lies."""
        return layout.predictions(self.source, self.seed, self.split, self.rule)


def chosen_sets(study: Study, choice: Choice, *, of_models: bool = False) -> tuple[SetName, ...]:
    """Return the sets that are asked about.

    ``of_models``: of models alone, whose images have least distortions. Raises :class:`InputError` where the study has
    no such set.
    """
    if not 0 <= choice.seed < study.seeds:
        raise InputError(f"seed {choice.seed}: the study {study.name} has the seeds 0 to {study.seeds - 1}")
    if not study.sets.rules and tuple(choice.models) != (CLEAN,):
        raise InputError(
            f"the study {study.name} has no adversarial sets: ask for some with --set sets.rules=[nearest]"
        )
    names = tuple(dict.fromkeys(choice.models)) or tuple(
        spec.name for spec in study.models if choice.split is None or choice.split in study.splits(spec)
    )
    if not names:
        raise InputError(f"the study {study.name} has no sets of the split {choice.split!r}; {_splits(study)}")
    return tuple(_chosen(study, choice, name, of_models) for name in names)


def _chosen(study: Study, choice: Choice, name: str, of_models: bool) -> SetName:
    noise = [noise_name(stddev, clip) for stddev in study.sets.noise for clip in (False, True)]
    if name == CLEAN or name in noise:
        if of_models:
            raise InputError(f"{name} has no least distortions: name a model of the study {study.name}")
        if choice.rule is not None:
            raise InputError(f"{name} has no rule: leave rule = {choice.rule!r} out")
        there = ("test", "train") if name == CLEAN else study.distorted_splits
        return SetName(name, choice.seed, _one_of(there, choice.split, f"{name} of the split"), NO_RULE)
    spec = next((spec for spec in study.models if spec.name == name), None)
    if spec is None:
        known = ", ".join((*(spec.name for spec in study.models), *([] if of_models else [CLEAN, *noise])))
        raise InputError(f"no model is called {name!r} in the study {study.name}; there are {known}")
    split = _one_of(study.splits(spec), choice.split, f"sets of {name} of the split")
    usual = "nearest" if "nearest" in study.sets.rules else None
    return SetName(name, choice.seed, split, _one_of(study.sets.rules, choice.rule or usual, "sets of the rule"))


def _one_of(there: tuple[str, ...], wanted: str | None, what: str) -> str:
    if wanted is None:
        return there[0]
    if wanted not in there:
        raise InputError(
            f"the study has no {what} {wanted!r}; there {'are' if len(there) > 1 else 'is'} {', '.join(there)}"
        )
    return wanted


def _splits(study: Study) -> str:
    return f"there are {', '.join(study.distorted_splits)}" if study.distorted_splits else "it makes none"


def chosen_readers(study: Study, choice: Choice) -> tuple[str, ...]:
    """Return the models whose readings are asked about; raise :class:`InputError` for one that there is not."""
    return tuple(study.model(name).name for name in dict.fromkeys(choice.readers)) or tuple(
        spec.name for spec in study.models
    )


def chosen_classes(choice: Choice, names: Callable[[], tuple[str, ...]]) -> tuple[int, ...]:
    """Return the numbers of the classes that are asked about; none for all.

    ``names``: returns the data set's classes, and is called where some are asked about. Raises :class:`InputError` for
    a class that there is not.
    """
    if not choice.classes:
        return ()
    there = names()
    return tuple(dict.fromkeys(_number(text, there) for text in choice.classes))


def _number(text: str, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text)
    if text.isdecimal() and len(text) < 6 and int(text) < len(names):
        return int(text)
    few = names if len(names) < 12 else (*names[:3], "...", names[-1])
    raise InputError(f"no class is called {text!r}; there are {len(names)}: {', '.join(few)}")


def class_names(results: "Results") -> tuple[str, ...]:
    """Return the classes of a study's data set; its files are looked into where it has no name that tells."""
    from blindspots.datasets.archive import ARCHIVES

    known = ARCHIVES.get(results.study.dataset)
    return known.classes if known is not None else results.dataset.class_names
