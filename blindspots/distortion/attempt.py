"""One search over a batch: what is sought, what was found, and in which order methods are tried."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.criteria import AnyOther, Criterion
from blindspots.distortion.effort import Effort
from blindspots.distortion.lbfgs.common_c import with_common_c
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.methods import Auto, Lbfgs, Method, Projection
from blindspots.distortion.projection.projection import nearest
from blindspots.distortion.projection.refinement import refine
from blindspots.distortion.rescue import rescue
from blindspots.distortion.row_work import RowWork
from blindspots.models.classifier import Classifier

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
        everyone = torch.arange(len(part), device=part.device)
        wanted, rows = self.wanted.take(part), self.rows[part]
        if isinstance(wanted, AnyOther) and not isinstance(method, Lbfgs):
            most = (method.projection if isinstance(method, Auto) else method).rounds
            best, doubtful = nearest(self.classifier, rows, wanted.labels, own, self.work.rounds, most=most)
            if isinstance(method, Auto):
                self._both(method, part, best, own, doubtful.nonzero()[:, 0])
            return best, own
        best = Best.none(rows, wanted.labels if isinstance(wanted, AnyOther) else wanted.targets)
        if isinstance(method, Lbfgs):
            self._penalise(method, part, best, own, everyone)
        elif isinstance(method, Projection):
            self._refine(part, best, own, everyone)  # from the images themselves
        else:
            self._both(method, part, best, own, everyone)
        return best, own

    def _both(self, method: Auto, part: torch.Tensor, best: Best, own: Effort, index: torch.Tensor) -> None:
        """Search by L-BFGS, and go on from what ``best`` holds by projection."""
        self._penalise(method.lbfgs, part, best, own, index)
        self._refine(part, best, own, index[torch.isfinite(best.size[index])])

    def _penalise(self, how: Lbfgs, part: torch.Tensor, best: Best, own: Effort, index: torch.Tensor) -> None:
        """Search for some (indices) of the rows ``part`` by L-BFGS."""
        if len(index):
            search = Search(how.penalty == "squared", how.values, MOST_VALUES, how.iterations, how.tolerance)
            rows, wanted = self.rows[part[index]], self.wanted.take(part[index])
            penalised(self.classifier, rows, wanted, best, own, self.work.minimiser, images=index, search=search)

    def _refine(self, part: torch.Tensor, best: Best, own: Effort, index: torch.Tensor) -> None:
        """Go on from what ``best`` holds for some (indices) of the rows ``part``, towards the classes reached there."""
        if len(index):
            refine(self.classifier, self.rows[part[index]], best.target[index], best, own, self.work, images=index)

    def _keep(self, part: torch.Tensor, best: Best, own: Effort) -> None:
        self.point[part] = best.point
        self.effort.include(part, own)
