"""The state of a search over a batch: what is sought, and what was found."""

from dataclasses import dataclass, field, replace

import torch

from blindspots.distortion.best import Best, Spent
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.problem import Problem
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier


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
    by: torch.Tensor = field(init=False)
    """(n,) what found them, places in :data:`.FOUND_BY`."""
    spent: Spent = field(init=False)

    def __post_init__(self) -> None:
        self.point = self.rows.clone()
        self.by = torch.zeros_like(self.clean)
        self.spent = Spent.none(len(self.rows), self.rows.device)
        self.spent.add(torch.arange(len(self.rows), device=self.rows.device), forwards=1)

    def problem(self, part: torch.Tensor) -> Problem:
        """Return the images ``part`` (indices) as a problem of their own, to which nothing was found yet."""
        wanted = self.wanted.take(part)
        targets = wanted.labels if isinstance(wanted, AnyOther) else wanted.targets
        return Problem.new(self.classifier, self.rows[part], targets)

    def resumed(self, part: torch.Tensor) -> Problem:
        """Return the images ``part`` (indices) as a problem that holds what was found, with counters at zero."""
        problem = self.problem(part)
        point, size, by = (take(each, part) for each in (self.point, self._sizes(), self.by))
        read = self.classifier.logits(point).argmax(dim=1)
        target = problem.best.target if isinstance(self.wanted, Towards) else read
        return replace(problem, best=Best(point, size, target, by))

    def keep(self, part: torch.Tensor, problem: Problem) -> None:
        """Take over what was found for the images ``part`` (indices), and add what it took."""
        self.point[part], self.by[part] = problem.best.point, problem.best.by
        self.spent.include(part, problem.spent)

    def take_over(self, other: "Attempt", some: torch.Tensor) -> None:
        """Take what another search of the same images found for ``some`` (indices) where it is nearer; add its work."""
        own, others = self._sizes(), other._sizes()
        nearer = some[take(others < own, some)]
        self.point[nearer], self.by[nearer] = other.point[nearer], other.by[nearer]
        for mine, its in zip(vars(self.spent).values(), vars(other.spent).values(), strict=True):
            mine += its

    def _sizes(self) -> torch.Tensor:
        """Return how far away (n,) what was found is; infinite where nothing was."""
        size = torch.linalg.vector_norm(self.point - self.rows, dim=1)
        return torch.where(self.by > 0, size, torch.inf)
