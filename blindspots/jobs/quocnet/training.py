"""The training of a QuocNet's stage, from checkpoint to checkpoint, whatever hands do its parts.

A checkpoint is all that tiles are before a step, the optimiser's memory too, so that a training that goes on from there
ends with the same bits as one that was never stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from blindspots.identity import arrays_hash
from blindspots.jobs.hands import Hands
from blindspots.jobs.quocnet.inputs import make_inputs, make_whitening
from blindspots.jobs.quocnet.parts import advance, begin, held_out, state_names
from blindspots.jobs.quocnet.replicas import leave_slopes, step_together
from blindspots.jobs.quocnet.work import StageWork
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.weights import as_arrays, load_weights
from blindspots.study.quocnet_spec import WINDOW
from blindspots.training.layerwise.objective import Losses
from blindspots.training.layerwise.replicas import averaged, parts_of, shares_of
from blindspots.training.layerwise.step import total
from blindspots.training.lbfgs import DivergedError

STEPS_END, DECREASE_END = "the limit of steps", "no further progress"


@dataclass
class Course:
    """How a training went so far."""

    step: int = 0
    losses: list[tuple[float, float]] = field(default_factory=list)
    """Reconstruction and penalty of the minibatch, before every step."""
    checks: list[tuple[int, float, float, float]] = field(default_factory=list)
    """Steps taken, and of the inputs held out reconstruction, penalty and squared length, each per input."""

    def ends(self, *, steps: int, decrease: float) -> str:
        """Return why the training ends here; empty where it goes on."""
        if len(self.checks) > 1:
            (_, *before), (_, *now) = self.checks[-2:]
            if before[0] + before[1] - now[0] - now[1] < decrease * (before[0] + before[1]):
                return DECREASE_END
        return STEPS_END if self.step >= steps else ""


def train_stage(work: StageWork, hands: Hands, say: Callable[[Course, str], None]) -> tuple[Course, str]:
    """Train a stage, from the last checkpoint on if there is one of this very work; return its course and its end.

    What is left lies before the step of the course's end. ``say`` is called with the course and a line about it. Raises
    :class:`DivergedError` where the objective is not finite.
    """
    place, spec, numbers = work.workspace.place, work.spec, range(len(work.tiles))
    course = _resumed(work)
    if course is None:
        course = Course()
        _clear(work)
        if work.stage == 1:
            make_whitening(work)
        _all(hands, partial(make_inputs, work), range(sum(work.blocks)))
        _all(hands, partial(begin, work), numbers)
        _check(work, hands, course)
        _save(work, course)
        say(course, f"held out {_sum(course):.1f} before the first step")
    else:
        say(course, f"goes on from step {course.step}")
    while not (end := course.ends(steps=spec.steps, decrease=spec.decrease)):
        first, last = course.step, min(course.step + WINDOW, spec.steps)
        stride = last - first if len(numbers) == spec.replicas == 1 else 1
        for step in range(first, last, stride):
            if spec.replicas > 1:
                parts = [[loss] for loss in _step_of_replicas(work, hands, step)]
            else:
                parts = list(hands.map(partial(advance, work), [(number, step, step + stride) for number in numbers]))
            course.losses += [(loss.reconstruction, loss.penalty) for loss in map(total, zip(*parts, strict=True))]
            if not np.isfinite(course.losses[-1]).all():
                raise DivergedError(f"the objective is {sum(course.losses[-1])} after step {step} at rate {spec.rate}")
            if step > first:
                place.delete_all(layout.quocnet_steps(work.stage, step))
        course.step = last
        _check(work, hands, course)
        _save(work, course)
        _forget_others(work, course.step)
        say(course, f"step {course.step}, loss held out {_sum(course):.1f}")
    return course, end


def _step_of_replicas(work: StageWork, hands: Hands, step: int) -> list[Losses]:
    """Take every replica of every tile from one step to the next; return each tile's objective before it."""
    count = work.spec.replicas
    replicas = [(tile.number, which, step) for tile in work.tiles for which in range(count)]
    found = list(hands.map(partial(leave_slopes, work), replicas))
    for _ in hands.map(partial(step_together, work), replicas):
        pass
    shares = shares_of(parts_of(work.spec.batch_rows, count))
    return [averaged(found[begin : begin + count], shares) for begin in range(0, len(found), count)]


def clean_up(work: StageWork) -> None:
    """Delete all that is needed only while the stage is trained."""
    _clear(work)


def _all(hands: Hands, function: Callable[[int], None], parts: range) -> None:
    for _ in hands.map(function, parts):
        pass


def _check(work: StageWork, hands: Hands, course: Course) -> None:
    trained, held = work.blocks
    parts = [(block, course.step) for block in range(trained, trained + held)]
    found = list(hands.map(partial(held_out, work), parts))
    rows = sum(count for _, _, count in found)
    of = [
        sum(value * count for value, count in zip(column, (count for _, _, count in found), strict=True)) / rows
        for column in zip(*((loss.reconstruction, loss.penalty, size) for loss, size, _ in found), strict=True)
    ]
    course.checks.append((course.step, of[0], of[1], of[2]))


def _sum(course: Course) -> float:
    _, reconstruction, penalty, _ = course.checks[-1]
    return Losses(reconstruction, penalty).total


def _save(work: StageWork, course: Course) -> None:
    tensors = {
        "losses": torch.tensor(course.losses, dtype=torch.float64).reshape(-1, 2),
        "checks": torch.tensor(course.checks, dtype=torch.float64),
    }
    work.save(layout.quocnet_checkpoint(work.stage), tensors, {"step": str(course.step), **_whitening(work)})


def _whitening(work: StageWork) -> dict[str, str]:
    """Return the hash of what whitens the images, which has no receipt before the first stage has; {} after that."""
    if work.stage > 1:
        return {}
    return {"whitening": arrays_hash(as_arrays(load_weights(work.workspace.place, layout.quocnet_whitening())))}


def _resumed(work: StageWork) -> Course | None:
    """Return the course of the checkpoint where that is of this work and all that it speaks of is there, as written."""
    stage = work.stage
    there = work.found(layout.quocnet_checkpoint(stage))
    try:
        if there is None or there[1].get("whitening") != _whitening(work).get("whitening"):
            return None
    except CorruptShardError:
        return None
    found, _ = there
    checks = [(int(row[0]), *row[1:]) for row in found["checks"].tolist()]
    course = Course(checks[-1][0], [(row[0], row[1]) for row in found["losses"].tolist()], checks)
    names = (*state_names(work), *work.made_names())
    states = [layout.quocnet_state(stage, course.step, tile.number, name) for tile in work.tiles for name in names]
    inputs = [layout.quocnet_inputs(stage, block) for block in range(sum(work.blocks))]
    if not all(map(work.has, (*states, *inputs))):
        return None
    _forget_others(work, course.step)
    return course


def _forget_others(work: StageWork, step: int) -> None:
    place = work.workspace.place
    for name in place.names(layout.quocnet_steps(work.stage)):
        if name != str(step) and name.isdecimal():  # what else lies there, such as a file manager's, is not of a step
            place.delete_all(layout.quocnet_steps(work.stage, int(name)))


def _clear(work: StageWork) -> None:
    work.workspace.place.delete_all(layout.quocnet_work(work.stage))
