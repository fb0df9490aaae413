"""Anyone's model, seen as a function from flat rows of values to logits, with the gradients that a search needs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from blindspots.distortion.checks import check_logits
from blindspots.errors import InputError


@contextmanager
def undisturbed(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Put ``model`` in evaluation mode for a while; leave every module's mode and the random state as they were.

    Gradients are taken with respect to the images only, so that no parameter's ``grad`` or ``requires_grad`` changes.
    """
    training = [(module, module.training) for module in model.modules()]
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), torch.inference_mode(False), torch.enable_grad():
            model.eval()
            yield
    finally:
        for module, mode in training:
            module.training = mode


class Classifier:
    """A model over rows (n, m): the images' values, flattened.

    ``shape`` is that of one image. ``classes`` is known after the first call of :meth:`checked`.
    """

    def __init__(self, model: torch.nn.Module, shape: torch.Size) -> None:
        """Wrap ``model``, whose images have the shape ``shape``."""
        self._model = model
        self._shape = shape
        self.classes = 0

    def checked(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, k) of ``images`` (n, ...); refuse with :class:`InputError` what makes no sense."""
        for parameter in self._model.parameters():
            if parameter.device != images.device:
                raise InputError(f"the model is on {parameter.device}, the images on {images.device}: move one of them")
            if parameter.is_floating_point() and parameter.dtype != images.dtype:
                raise InputError(
                    f"the model's dtype is {parameter.dtype}, the images' {images.dtype}: convert one of them"
                )
        try:
            with torch.no_grad():
                logits = self._model(images)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"the model refuses images of the shape {tuple(images.shape)}: {reason}") from error
        logits = check_logits(logits, len(images))
        self.classes = logits.shape[1]
        return logits

    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, k) of ``rows`` (n, m)."""
        with torch.no_grad():
            return self._model(rows.reshape(-1, *self._shape))

    def tracked(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``rows`` as a leaf of a graph, and the logits (n, k) on it."""
        leaf = rows.detach().requires_grad_(True)
        logits = self._model(leaf.reshape(-1, *self._shape))
        if not logits.requires_grad:  # a constant model: its gradient is zero everywhere
            logits = logits + 0 * leaf.sum(dim=1, keepdim=True)
        return leaf, logits

    def lead(
        self, rows: torch.Tensor, targets: torch.Tensor, rivals: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return by how much the target's logit leads the rival's (n,), and that lead's gradient (n, m)."""
        leaf, logits = self.tracked(rows)
        lead = difference(logits, targets, rivals)
        return lead.detach(), gradient(lead, leaf)


def leads(
    leaf: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor, rivals: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the leads (n, c) of ``targets`` over ``rivals`` and their gradients (n, c, m): c backward passes.

    ``leaf`` and ``logits``: from :meth:`Classifier.tracked`; ``targets`` and ``rivals``: (n, c) classes, or (n, 1).
    """
    lead = logits.gather(1, targets) - logits.gather(1, rivals)
    count = lead.shape[1]
    gradients = leaf.new_empty(len(leaf), count, leaf.shape[1])
    for column in range(count):
        gradients[:, column] = gradient(lead[:, column], leaf, keep=column + 1 < count)
    return lead.detach(), gradients


def difference(logits: torch.Tensor, targets: torch.Tensor, rivals: torch.Tensor) -> torch.Tensor:
    """Return ``logits[i, targets[i]] - logits[i, rivals[i]]`` (n,)."""
    return (logits.gather(1, targets[:, None]) - logits.gather(1, rivals[:, None]))[:, 0]


def worst_lead(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the target's lead over the strongest other class (n,)."""
    rest = logits.scatter(1, targets[:, None], -torch.inf)
    return logits.gather(1, targets[:, None])[:, 0] - rest.amax(dim=1)


def gradient(values: torch.Tensor, leaf: torch.Tensor, *, keep: bool = False) -> torch.Tensor:
    """Return the gradient (n, m) of every row's own value."""
    (result,) = torch.autograd.grad(values.sum(), leaf, retain_graph=keep)
    return result
