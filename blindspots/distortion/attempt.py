"""One search over a batch: what is sought, what was found, and in which order methods are tried."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.classifier import Classifier
from blindspots.distortion.common_c import with_common_c
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.effort import Effort
from blindspots.distortion.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.methods import Auto, Lbfgs, Method, Projection
from blindspots.distortion.projection import nearest
from blindspots.distortion.refinement import refine
from blindspots.distortion.rescue import rescue
from blindspots.distortion.row_work import RowWork

Each = Callable[[Callable[[torch.Tensor], None], Iterable[torch.Tensor]], None]
"""Calls a function with every part of the batch (indices)."""


@dataclass
class Attempt:
    """The state of a search over n images."""

    classifier: Classifier
    rows: torch.Tensor
    """(n, m) the images, in [0, 1]."""
    labels: torch.Tensor
    clean: torch.Tensor
    """(n,) what is read in each image."""
    wanted: Criterion
    work: RowWork
    point: torch.Tensor = field(init=False)
    """(n, m) the nearest points found; the images themselves where nothing was found."""
    effort: Effort = field(init=False)

    def __post_init__(self) -> None:
        self.point = self.rows.clone()
        self.effort = Effort.none(len(self.rows), self.rows.device)
        self.effort.add(torch.arange(len(self.rows), device=self.rows.device), forwards=1)

    def search(self, method: Method, parts: Iterable[torch.Tensor], each: Each) -> None:
        """Search all ``parts`` (indices of the images to be moved)."""
        parts = list(parts)
        if isinstance(method, Lbfgs) and method.c == "set" and parts:
            todo = torch.cat(parts)
            self.point[todo] = with_common_c(self, todo, method, parts, each)
            return
        failed: list[tuple[torch.Tensor, Best]] = []

        def one(part: torch.Tensor) -> None:
            best, own = self._first(method, part)
            self._keep(part, best, own)
            left = torch.isinf(best.size).nonzero()[:, 0]
            if len(left) and isinstance(method, Auto):  # a method asked for by name stays what it is
                failed.append((part, best))

        each(one, parts)
        for part, best in sorted(failed, key=lambda entry: int(entry[0][0])):
            own = Effort.none(len(part), part.device)
            rescue(self, part, best, own)
            self._keep(part, best, own)

    def _first(self, method: Method, part: torch.Tensor) -> tuple[Best, Effort]:
        """Return what the method's ordinary search finds for the rows ``part``."""
        own = Effort.none(len(part), part.device)
        rows, wanted = self.rows[part], self.wanted.take(part)
        here = torch.arange(len(part), device=part.device)
        lbfgs = method.lbfgs if isinstance(method, Auto) else method
        projection = method.projection if isinstance(method, Auto) else method
        if isinstance(wanted, AnyOther) and isinstance(projection, Projection):
            best, doubtful = nearest(
                self.classifier, rows, self.labels[part], own, self.work.rounds, most=projection.rounds
            )
            index = (doubtful & isinstance(method, Auto)).nonzero()[:, 0]
        else:
            best = Best.none(rows, self.labels[part] if isinstance(wanted, AnyOther) else wanted.targets)
            index = here
        if isinstance(lbfgs, Lbfgs) and len(index):
            search = Search(lbfgs.penalty == "squared", lbfgs.values, MOST_VALUES, lbfgs.iterations, lbfgs.tolerance)
            penalised(
                self.classifier, rows[index], wanted.take(index), best, own, self.work.minimiser, images=index,
                search=search,
            )  # fmt: skip
            index = index[torch.isfinite(best.size[index])]
        if len(index) and not isinstance(method, Lbfgs) and (isinstance(wanted, Towards) or isinstance(method, Auto)):
            # from the image itself, where projection is on its own
            refine(self.classifier, rows[index], best.target[index], best, own, self.work, images=index)
        return best, own

    def _keep(self, part: torch.Tensor, best: Best, own: Effort) -> None:
        self.point[part] = best.point
        self.effort.include(part, own)
