"""The state of a search over a batch: what is sought, and what was found."""

from dataclasses import dataclass, field

import torch

from blindspots.distortion.best import Spent
from blindspots.distortion.criteria import AnyOther, Criterion
from blindspots.distortion.problem import Problem
from blindspots.distortion.row_work import RowWork
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

    def keep(self, part: torch.Tensor, problem: Problem) -> None:
        """Take over what was found for the images ``part`` (indices), and add what it took."""
        self.point[part], self.by[part] = problem.best.point, problem.best.by
        self.spent.include(part, problem.spent)
