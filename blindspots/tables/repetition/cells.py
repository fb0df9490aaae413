"""The cells of the paper's Tables 1 to 4 that a study has, and what each of its trainings comes to there."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blindspots.names import CLEAN, NO_RULE
from blindspots.paper import published as paper
from blindspots.results.queries.choice import SetName
from blindspots.results.queries.stored_set import StoredSet, computed, is_misread
from blindspots.results.results import Results
from blindspots.study.study import Study
from blindspots.tables.agreement import DECIDES
from blindspots.tables.cells import Transfer
from blindspots.tables.model_tables import ERRORS
from blindspots.tables.repetition.one_more import OneMore
from blindspots.tables.rows import distorted_split, models_of, noise_of, on_the_papers_images, reader_name
from blindspots.tables.transfer_tables import VARIANTS


@dataclass(frozen=True)
class PaperCell:
    """A cell of the paper's, and where ours lies."""

    table: int
    kind: str
    """One of :data:`blindspots.tables.agreement.KINDS`."""
    source: str
    """The model or noise of the set; none for errors: the images as they are."""
    target: str
    split: str
    rule: str
    variant: str
    text: str
    """What a reader calls the cell."""
    published: paper.Published

    @property
    def drawn(self) -> bool:
        """Whether the paper's images are drawn, from its set or as a half of the training images.

        What it counts on all training or test images, errors and Table 4's noise, it counts on the very images that we
        have. Its noise is another draw there, which moves the rate of 10 000 images by next to nothing.
        """
        return self.published.n < {"train": paper.TRAIN, "test": paper.TEST}.get(self.split, math.inf)

    @property
    def name(self) -> str:
        """What it is known by."""
        return "/".join((f"table{self.table}", self.kind, self.source, self.target, self.split))

    def one_more(self, rates: np.ndarray) -> OneMore:
        """Return what one more training would print here, beside trainings of these rates (s,)."""
        return OneMore(tuple(map(float, rates)), self.published.n, self.drawn)


def paper_cells(study: Study) -> Iterator[PaperCell]:
    """Yield the cells that ``study`` has too: errors, and sets of random targets and noise shown to other models."""
    for number in (1, 2, 3, 4):
        if models_of(number, study):
            yield from _errors(number, study) if number in ERRORS else _shown(number, study)


def _errors(number: int, study: Study) -> Iterator[PaperCell]:
    for spec in models_of(number, study):
        found = paper.errors(spec.name) if paper.knows(study, spec.name) else {}
        for split, published in found.items():
            text = f"{reader_name(spec)}, {split} images"
            yield PaperCell(number, "errors", CLEAN, spec.name, split, NO_RULE, VARIANTS[0], text, published)


def _shown(number: int, study: Study) -> Iterator[PaperCell]:
    if DECIDES not in study.sets.rules or not on_the_papers_images(number, study):
        return
    specs, split = models_of(number, study), distorted_split(number, study)
    known = {spec.name: reader_name(spec) for spec in specs if paper.knows(study, spec.name)}
    amplified = split in study.sets.amplified_splits and study.sets.amplified_to == paper.AMPLIFIED_TO
    for variant in VARIANTS[: 1 + (number == 4 and amplified)]:
        kind, how = ("adversarial", "") if variant == VARIANTS[0] else ("amplified", " amplified")
        for source, called in known.items():
            for target, reader in known.items():
                theirs = paper.transfer(source, target, variant=variant)
                if source != target and theirs is not None:
                    text = f"{called}{how} shown to {reader}"
                    yield PaperCell(number, kind, source, target, split, DECIDES, variant, text, theirs)
    for source, called in noise_of(study).items():
        for target, reader in known.items():
            theirs = paper.transfer(source, target)
            if theirs is not None:
                text = f"{called} shown to {reader}"
                yield PaperCell(number, "noise", source, target, split, NO_RULE, VARIANTS[0], text, theirs)


def rates_by_seed(results: Results, cells: list[PaperCell]) -> np.ndarray:
    """Return the rates (s, c) of each training in each cell.

    Seed s of a source is shown to seed s of a target, so that each row is of other trainings than the others.
    """
    transfer = Transfer(results)
    return np.stack(
        [
            transfer.by_seed(cell.source, cell.target, split=cell.split, rule=cell.rule, variant=cell.variant)
            for cell in cells
        ],
        axis=1,
    )


def misread_images(results: Results, cells: list[PaperCell], seed: int) -> np.ndarray:
    """Return which images (n, c) of a set are misread in each of its cells; ``cells`` are of one source and split."""
    first = cells[0]
    stored = StoredSet(results, SetName(first.source, seed, first.split, first.rule))
    found = computed(*(is_misread(stored.reads(cell.target, cell.variant), stored.label) for cell in cells))
    return np.stack(found, axis=1)
