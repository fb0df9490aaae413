"""What a layer of anyone's model hands on: its activations, by the layer's name."""

from collections.abc import Iterable

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.classifier import undisturbed

_SHOWN = 40  # names in an error
_CHANGING = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d)
_NORMALISING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Reached(Exception):
    """No error: the rest of the model need not run."""


def module_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of all parts of ``model``, as its state dict calls them, those made of others among them."""
    return tuple(name for name, _ in model.named_modules() if name)


def layer_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the parts of ``model`` that are made of no others: its layers."""
    return tuple(name for name, module in model.named_modules() if name and not any(module.children()))


def hidden_layers(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the layers whose outputs are called activations: nonlinear ones, poolings, and the last.

    Layers of weights, of normalisation, and those that do nothing in evaluation mode are left out but for the last,
    whose outputs are the logits.
    """
    names = layer_names(model)
    modules = dict(model.named_modules())
    chosen = [name for name in names if not isinstance(modules[name], (*_CHANGING, *_NORMALISING))]
    return tuple(chosen if names[-1:] == tuple(chosen[-1:]) else [*chosen, *names[-1:]])


def activation_shape(
    model: nn.Module, layer: str, shape: tuple[int, ...], *, called: str = "the model"
) -> tuple[int, ...]:
    """Return the shape of what ``layer`` hands on of one image of ``shape``.

    ``called``: the model's name in errors. Raises :class:`InputError` for a layer that there is not, that the model
    runs through never or more than once, or that hands on something else than a tensor with a row an image.
    """
    module = _module(model, layer, called)
    found: list[object] = []
    hook = module.register_forward_hook(lambda _, inputs, output: found.append(output))
    try:
        parameter = next(model.parameters(), torch.zeros(0))
        with undisturbed(model, parameter.device), torch.no_grad():
            model(torch.zeros(2, *shape, device=parameter.device))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{called} does not take images of shape {shape}: {reason}") from None
    finally:
        hook.remove()
    if len(found) != 1:
        times = "never runs through" if not found else f"runs {len(found)} times through"
        raise InputError(f"{called} {times} the layer {layer} for an image; name a layer that is used once")
    output = found[0]
    if not isinstance(output, torch.Tensor) or output.dim() < 2 or len(output) != 2:
        what = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise InputError(f"the layer {layer} of {called} hands on {what} for 2 images; a row an image is wanted")
    return tuple(output.shape[1:])


def activations(model: nn.Module, layer: str, batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return what ``layer`` hands on of all images: (n, ...) on the images' device.

    ``batches``: the images (n, ...) in parts, in [0, 1]. The model runs in evaluation mode, no further than the layer,
    and is left as it was. Raises :class:`InputError` for a layer that there is not.
    """
    module = _module(model, layer, "the model")
    found: list[torch.Tensor] = []

    def keep(_: nn.Module, inputs: object, output: torch.Tensor) -> None:
        found.append(output.detach().clone())
        raise _Reached

    hook = module.register_forward_hook(keep)
    try:
        for images in batches:
            with undisturbed(model, images.device), torch.no_grad():
                try:
                    model(images)
                except _Reached:
                    continue
            raise InputError(f"the model never runs through the layer {layer}; name a layer that is used")
    finally:
        hook.remove()
    return torch.cat(found)


def last_codes(model: nn.Module, batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return what the last linear layer of ``model`` reads of all images (n, d): its features before the logits.

    ``batches``: as for :func:`activations`. Raises :class:`InputError` for a model without a linear layer.
    """
    last = last_linear(model)
    found: list[torch.Tensor] = []

    def keep(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        found.append(inputs[0].detach().clone())

    hook = last.register_forward_pre_hook(keep)
    try:
        for images in batches:
            with undisturbed(model, images.device), torch.no_grad():
                model(images)
    finally:
        hook.remove()
    return torch.cat(found)


class LastCodes(nn.Module):
    """What the last linear layer of a model reads of images: (n, d), with their gradient.

    Raises :class:`InputError` for a model without a linear layer.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._last = [last_linear(model)]  # in a list, so that it is not a part twice

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the codes (n, d) of ``images`` (n, ...) in [0, 1]."""
        found: list[torch.Tensor] = []

        def keep(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            found.append(inputs[0])

        hook = self._last[0].register_forward_pre_hook(keep)
        try:
            self.model(images)
        finally:
            hook.remove()
        return found[0].flatten(1)


def last_linear(model: nn.Module) -> nn.Linear:
    """Return the last linear layer of a model, or raise :class:`InputError` where it has none."""
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linears:
        raise InputError("the model has no linear layer, whose inputs would be its features; name another model")
    return linears[-1]


def _module(model: nn.Module, layer: str, called: str) -> nn.Module:
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if layer and layer in modules:
        return modules[layer]
    names = layer_names(model)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise InputError(f"{called} has no layer called {layer!r}; there are {', '.join(names[:_SHOWN])}{more}")
