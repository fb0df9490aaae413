"""What if our own trainings were the paper: held out, printed the paper's way, and held against the others.

A training of ours that is left out takes the paper's place: of each of its sets so many images are drawn as stand
behind the paper's cells, the same for all models that the set is shown to, the errors of halves binomially, and the
shares are rounded as the paper's are. In how many cells would that agree with the other trainings? That is the check of
the whole procedure, which should say 95%, and how many cells agree if all is right; and how often so few agree as the
paper's do is a p-value for all cells together. It has in it what cells have in common: their models and their images.
"""

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from blindspots.randomness import generator
from blindspots.tables.repetition.cells import PaperCell
from blindspots.tables.repetition.one_more import decimals_printed, printed_as

DRAWS = 250
"""Papers that each training is printed as."""


def agreeing_papers(
    cells: list[PaperCell], rates: np.ndarray, images: Callable[[list[PaperCell], int], np.ndarray], *, seed: int
) -> np.ndarray:
    """Return where (p, c) papers out of our own trainings agree with the trainings that they are not of.

    ``rates``: (s, c) of all trainings, three at least; ``images(some, s)`` tells which images (n, c) of a set the
    training s misreads in ``some`` of its cells; ``seed`` draws the images.
    """
    decimals = decimals_printed([cell.published.printed for cell in cells])
    return np.concatenate(
        [
            _papers(cells, rates, images, decimals, held_out=held_out, random=generator(seed, "papers", index=held_out))
            for held_out in range(len(rates))
        ]
    )


def _papers(
    cells: list[PaperCell],
    rates: np.ndarray,
    images: Callable[[list[PaperCell], int], np.ndarray],
    decimals: np.ndarray,
    *,
    held_out: int,
    random: np.random.Generator,
) -> np.ndarray:
    others = np.delete(rates, held_out, axis=0)
    ends = np.array([cell.one_more(others[:, at]).interval for at, cell in enumerate(cells)])
    shares = np.tile(rates[held_out], (DRAWS, 1))  # counted on a whole split, where nothing is drawn
    for place, cell in enumerate(cells):
        if cell.drawn and cell.kind == "errors":
            shares[:, place] = random.binomial(cell.published.n, rates[held_out, place], DRAWS) / cell.published.n
    for places in _of_one_set(cells):
        some = [cells[place] for place in places]
        if not some[0].drawn:
            continue
        wrong = images(some, held_out)
        drawn = random.integers(len(wrong), size=(DRAWS, some[0].published.n))
        shares[:, places] = np.stack([wrong[each].mean(axis=0) for each in drawn])
    least, largest = printed_as(shares, decimals)
    found: np.ndarray = (least <= ends[:, 1]) & (ends[:, 0] <= largest)
    return found


def _of_one_set(cells: list[PaperCell]) -> Iterator[list[int]]:
    """Yield the places of the cells of each set, amplified or not, that the paper shows to several models."""

    def what(place: int) -> tuple[int, str, str, str]:
        cell = cells[place]
        return cell.table, cell.source, cell.split, cell.rule

    shown = [place for place, cell in enumerate(cells) if cell.kind != "errors"]
    for _, places in groupby(sorted(shown, key=what), key=what):
        yield list(places)
