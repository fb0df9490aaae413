"""Anyone's model, seen as a function from flat rows of values to logits, with the gradients that a search needs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

import torch
from torch.nn.parameter import is_lazy

from blindspots.device import raise_if_full
from blindspots.errors import InputError
from blindspots.models.checks import check_logits, check_readable


@contextmanager
def undisturbed(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Put ``model`` in evaluation mode for a while; leave its modules' modes, its buffers, and the random state as
    they were.

    Gradients are taken with respect to the images only, so that no parameter's ``grad`` or ``requires_grad`` changes.
    """
    training = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), torch.inference_mode(False), torch.enable_grad():
            kept = _buffers(model)
            try:
                _evaluate(model)
                yield
            finally:
                _restore(kept)
    finally:
        for module, mode in training:
            module.training = mode


def _evaluate(model: torch.nn.Module) -> None:
    """Call ``model.eval()``, and where a part has no such thing, say to each of them alone that it is not trained.

    An exported module has one mode, that of its export, and says so; some write a ``train`` that takes no mode.
    """
    try:
        model.eval()
    except (NotImplementedError, TypeError):
        for module in model.modules():
            if hasattr(module, "training"):
                module.training = False


_Kept = list[tuple[torch.nn.Module, str, torch.Tensor, torch.Tensor]]


def _buffers(model: torch.nn.Module) -> _Kept:
    """Return modules, each with the name of a buffer of its own, that buffer, and a copy of its values."""
    return [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.layout == torch.strided and not buffer.is_meta and not is_lazy(buffer)
    ]


def _restore(kept: _Kept) -> None:
    """Give modules back the buffers that they had, and those their values: a forward pass may count in them."""
    for module, name, buffer, values in kept:
        if getattr(module, name, None) is not buffer:
            setattr(module, name, buffer)
        if not torch.equal(buffer, values):
            with torch.no_grad():
                buffer.copy_(values)


EDGE = 1e-3
"""How far inside the box a gradient is taken that is not finite."""

_USUAL = (1e-10, 1e10)
"""Logits that are taken as they are where the largest is between these."""

_SUM = 1e-3
"""Outputs from 0 that sum to 1 within this are probabilities."""

Tape = tuple[torch.Tensor, ...]
"""What a forward pass leaves for the backward pass."""


class Near(NamedTuple):
    """Pairs of a row and a class, row by row."""

    row: torch.Tensor
    """(p,) indices of rows."""
    column: torch.Tensor
    """(p,) which of the row's classes."""
    normals: torch.Tensor
    """(p, m) the gradients of the classes' leads."""


class Classifier:
    """A model over rows (n, m): the images' values, flattened.

    ``shape`` is that of one image. ``classes`` is known after the first call of :meth:`checked`.
    """

    def __init__(self, model: torch.nn.Module, shape: torch.Size) -> None:
        """Wrap ``model``, whose images have the shape ``shape``."""
        self._model = model
        self._shape = shape
        self.classes = 0
        self.costly = True
        """Whether the gradient of every class's lead costs a pass of the model."""
        self.rough = True
        """Whether the model may be anything but smooth: linear in pieces, for instance."""
        self.probabilities = False
        """Whether the model returns probabilities, whose logarithms are taken: they rank the classes alike, and still
        change where probabilities are nearly 0 and 1."""
        self.unit = 1.0
        """What logits are multiplied by: a power of 2, as :func:`unit_of` has it."""
        self.floor = 0.0
        """Below it are the logits of masked classes, as far as was seen: one number, so that linear models stay so."""
        self.differentiable = True
        """Whether the model can be evaluated so that gradients are known, as far as was seen."""

    def told_by(self, other: "Classifier") -> Self:
        """Take over what ``other``, of the same model, has seen of its logits; return this one."""
        self.classes, self.probabilities = other.classes, other.probabilities
        self.unit, self.floor = other.unit, other.floor
        return self

    def checked(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, k) of ``images`` (n, ...); refuse with :class:`InputError` what makes no sense."""
        try:
            with torch.no_grad():
                logits = self._model(images.clone())  # a model may write to what it is given: never to the caller's
        except Exception as error:  # a model is anybody's, and may raise anything
            raise_if_full(error)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            said = self._unlike(images) or f"the model refuses images of the shape {tuple(images.shape)}: {reason}"
            raise InputError(said) from error
        check_readable(logits, images.device)
        logits = check_logits(self._readable(logits), count=len(images), dtype=images.dtype)
        self.classes = logits.shape[1]
        return self._logarithms(logits.clone())  # the model may use the same memory for its next output

    def _unlike(self, images: torch.Tensor) -> str:
        """Say which parameter is elsewhere than the images or of another dtype: some models move and cast inside."""
        for parameter in self._model.parameters():
            if parameter.device != images.device:
                return f"the model is on {parameter.device}, the images on {images.device}: move one of them"
            if parameter.is_floating_point() and parameter.dtype != images.dtype:
                return f"the model's dtype is {parameter.dtype}, the images' {images.dtype}: convert one of them"
        return ""

    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, k) of ``rows`` (n, m)."""
        with torch.no_grad():
            logits: torch.Tensor = self._readable(self._model(rows.reshape(-1, *self._shape).clone()))
        return self._logarithms(logits.clone())

    def evaluate(self, rows: torch.Tensor) -> tuple[torch.Tensor, Tape]:
        """Return the logits (n, k) of ``rows`` (n, m), and what :meth:`pullback` needs to go back from there."""
        leaf = rows.detach().requires_grad_(True)
        logits = None
        if self.differentiable:
            try:
                logits = self._logarithms(self._readable(self._model(leaf.reshape(-1, *self._shape).clone())))
            except Exception as error:  # one that leaves torch on the way; any other fault is raised again below
                raise_if_full(error)
                self.differentiable = False
        if logits is None:
            logits = self.logits(rows)
        if not logits.requires_grad:  # a constant model: its gradient is zero everywhere
            logits = logits.clone() + 0 * leaf.sum(dim=1, keepdim=True)
        return logits.detach().clone(), (leaf, logits)

    def look_for_probabilities(self, rows: torch.Tensor) -> None:
        """Set :attr:`probabilities` by what the model returns for ``rows`` (n, m): enough to make chance no cause."""
        self.probabilities = False
        shares = self.logits(rows)
        self.probabilities = bool(((shares >= 0).all(dim=1) & ((shares.sum(dim=1) - 1).abs() < _SUM)).all())

    def _readable(self, logits: torch.Tensor) -> torch.Tensor:
        """Return logits (n, k) with a number below all others of the row where one is -infinity.

        So a class that a model masks is read nowhere that it is masked, and has no slope there. Anything else stays as
        it is, a row of nothing but -infinity too: whoever checks it refuses it.
        """
        usual = isinstance(logits, torch.Tensor) and logits.dim() == 2 and logits.is_floating_point()
        if not usual or not (masked := logits == -torch.inf).any():
            return logits
        largest = logits.detach().masked_fill(masked, 0).abs().amax(dim=1, keepdim=True)
        if self.floor == 0:
            self.floor = -2 * float(largest.amax()) or -1.0
        floor = torch.where(largest < -self.floor, self.floor, -2 * largest)
        return torch.where(masked & ~masked.all(dim=1, keepdim=True), floor, logits)

    def _logarithms(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of probabilities, and logits as they are, in their unit."""
        if self.probabilities:
            return logits.clamp_min(torch.finfo(logits.dtype).tiny).log()
        return logits if self.unit == 1 else logits * self.unit

    def pullback(self, tape: Tape, weights: torch.Tensor, *, keep: bool = False) -> torch.Tensor:
        """Return the gradients (n, m) of each row's logits, weighted by ``weights`` (n, k) and summed.

        With ``keep`` the tape can be used again. Where a gradient is not finite, as a root's is at a black pixel, it is
        taken a little inside the box; what is not finite there either is 0.
        """
        result = self.gradient(tape, weights, keep=keep)
        wild = (~torch.isfinite(result)).any(dim=1)
        if wild.any():
            rows = wild.nonzero()[:, 0]
            tame = self.gradient_inside(tape[0][rows].detach(), weights[rows]).nan_to_num(0, 0, 0)
            result = result.index_copy(0, rows, tame)
        return result

    def gradient_inside(self, points: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the gradients (n, m) a little inside the box from ``points`` (n, m), whatever they are there."""
        _, tape = self.evaluate(points.clamp(EDGE, 1 - EDGE))
        return self.gradient(tape, weights)

    def gradient(self, tape: Tape, weights: torch.Tensor, *, keep: bool = False) -> torch.Tensor:
        """Return the gradients (n, m) as automatic differentiation has them; 0 where the model has none."""
        leaf, logits = tape
        try:
            (result,) = torch.autograd.grad(logits, leaf, weights, retain_graph=keep, allow_unused=True)
        except RuntimeError as error:  # an operation without a derivative
            raise_if_full(error)
            result = None
        # that of a sum is one number seen as many: rows must not share memory, since they are written to
        return torch.zeros_like(leaf) if result is None else result.contiguous()

    def pullbacks(self, tape: Tape, weights: torch.Tensor) -> torch.Tensor:
        """Return the gradients (n, c, m) for several ``weights`` (n, c, k) of each row.

        On a GPU in one pass, vectorised over c; on a CPU one after another, which is faster there for convolutions.
        """
        leaf, logits = tape
        if leaf.is_cuda:
            try:
                (result,) = torch.autograd.grad(
                    logits, leaf, weights.transpose(0, 1), retain_graph=True, is_grads_batched=True
                )
            except RuntimeError as error:  # an operation of the model that cannot be vectorised
                raise_if_full(error)
            else:
                if torch.isfinite(result).all():
                    return result.transpose(0, 1).contiguous()
        count = weights.shape[1]
        columns = [self.pullback(tape, weights[:, column], keep=column + 1 < count) for column in range(count)]
        return torch.stack(columns, dim=1)

    def closest(self, tape: Tape, weights: torch.Tensor, gaps: torch.Tensor, *, within: float) -> Near:
        """Choose for each row the classes whose linearised boundary is nearest: all ``within`` times the least.

        ``weights``: (n, c, k), what each class's lead is of the logits; ``gaps``: (n, c), what is missing to it.
        """
        normals = self.pullbacks(tape, weights)
        row, column = (chosen := nearest_boundaries(gaps, normals.norm(dim=2), within)).nonzero(as_tuple=True)
        return Near(row, column, normals[chosen])


def unit_of(logits: torch.Tensor) -> float:
    """Return what brings ``logits`` (n, k) near 1 where squares of them, or of their slopes, might not be finite or 0.

    A power of 2, so that nothing is rounded, and 1 for logits of any usual size.
    """
    sizes = logits[torch.isfinite(logits)].abs()
    largest = float(sizes.max()) if len(sizes) else 0.0
    if largest == 0 or _USUAL[0] <= largest <= _USUAL[1]:
        return 1.0
    return float(2.0 ** -round(math.log2(largest)))


def nearest_boundaries(gaps: torch.Tensor, norms: torch.Tensor, within: float) -> torch.Tensor:
    """Return which classes' boundaries (n, c) are no more than ``within`` times as far as the row's nearest."""
    distance = gaps / norms
    distance = torch.where(norms > 0, distance, torch.inf)
    return distance <= within * distance.amin(dim=1, keepdim=True)


def difference(logits: torch.Tensor, targets: torch.Tensor, rivals: torch.Tensor) -> torch.Tensor:
    """Return ``logits[i, targets[i]] - logits[i, rivals[i]]`` (n,)."""
    return (logits.gather(1, targets[:, None]) - logits.gather(1, rivals[:, None]))[:, 0]


def worst_lead(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the target's lead over the strongest other class (n,)."""
    rest = logits.scatter(1, targets[:, None], -torch.inf)
    return logits.gather(1, targets[:, None])[:, 0] - rest.amax(dim=1)


def contrast(plus: torch.Tensor, minus: torch.Tensor, *, like: torch.Tensor) -> torch.Tensor:
    """Return the weights (..., k) that make of logits the lead of class ``plus`` (...) over ``minus`` (...).

    ``like``: such logits (n, k), whose dtype the weights get.
    """
    plus, minus = torch.broadcast_tensors(plus, minus)  # not broadcast_shapes, which imports sympy
    weights = torch.zeros((*plus.shape, like.shape[1]), dtype=like.dtype, device=plus.device)
    weights.scatter_(-1, plus[..., None], 1)
    return weights.scatter_(-1, minus[..., None], -1)
