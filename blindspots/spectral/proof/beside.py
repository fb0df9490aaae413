"""The function that a proof is about beside the model itself, on the same images: they may differ by rounding alone.

A proof speaks of the model's copy in float64, and of what was read off it. Were the copy another function (a constant
that its dtype decides, a branch, a flag, statistics that it does not read), nothing proved would hold of the model.
"""

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from blindspots.errors import InputError
from blindspots.models.classifier import undisturbed
from blindspots.spectral.graph.graph import Graph, trace
from blindspots.spectral.graph.own_tensors import own_tensors, replace_plain
from blindspots.spectral.graph.stand_ins import rms_norm_eps
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.relaxation.pieces import Pieces

Evaluate = Callable[[nn.Module, torch.Tensor], torch.Tensor]
"""What returns the logits of a model for images."""

_TIMES = 256
"""Rounding may put logits off by so many times what moving the weights and the pixels by a unit, at random, does."""
_UNITS = 256
"""And by so many units of the largest logit at any rate."""
_FEW = 16
"""And by so many of the largest value on the way."""
_SINGLE = torch.float32
_OTHERS = 8
"""Random images at which a network that is linear in pieces is held against the model too."""


def own_dtype(model: nn.Module, images: torch.Tensor) -> torch.dtype:
    """Return the dtype that ``model`` computes in: of its first floating-point tensor, or without one the images'.

    Raises InputError for one of 16 bits or fewer: its rounding is so large that any other function would pass for it.
    """
    dtype = next((tensor.dtype for tensor in own_tensors(model)), images.dtype)
    if dtype not in (_SINGLE, torch.float64):
        raise InputError(f"the model's dtype is {dtype}; a proof needs torch.float32 or float64: model.float()")
    return dtype


def in_float64(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy of ``model``, which runs in ``dtype``, in float64; what the dtype decided stays as it was.

    Raises InputError for a model that can't be copied, and for one whose weights have no values yet.
    """
    lazy = [name for name, each in (*model.named_parameters(), *model.named_buffers()) if is_lazy(each)]
    if lazy:
        raise InputError(f"the model's {lazy[0]} has no values yet: call the model once, model(images)")
    try:
        double = copy.deepcopy(model).double()
        replace_plain(double, torch.Tensor.double)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"the model can't be copied: {str(error).splitlines()[0]}") from error
    for module in double.modules():
        if type(module) is nn.RMSNorm and module.eps is None:
            module.eps = rms_norm_eps(dtype)
    return double


def sensitivity(double: nn.Module, images: torch.Tensor, logits: torch.Tensor, evaluate: Evaluate) -> torch.Tensor:
    """Return by how much (n, 1) a unit of float32, up or down at random on every weight and pixel, moves the logits.

    What rounding does to a sum is what a change of its terms by some units does (it is backward stable), so this is
    the measure of a dtype's rounding: of float64's, 2^-29 of it. ``logits``: those of ``double`` at ``images``.
    """
    random = torch.Generator().manual_seed(0)
    unit = torch.finfo(_SINGLE).eps / 2

    def moved(values: torch.Tensor) -> torch.Tensor:
        up = torch.randint(0, 2, values.shape, generator=random).to(values.device, values.dtype)
        return values * (1 + unit * (2 * up - 1))

    other = copy.deepcopy(double)
    with torch.no_grad():
        for tensor in own_tensors(other):
            tensor.copy_(moved(tensor.detach()))
    return (evaluate(other, moved(images)) - logits).abs().amax(dim=1, keepdim=True)


def stated_rounding(
    dtype: torch.dtype, logits: torch.Tensor, moves: torch.Tensor, *, largest: float = 0.0
) -> torch.Tensor:
    """Return what rounding in ``dtype`` is taken to put ``logits`` (n, k) off at most, (n, 1).

    :data:`_TIMES` the ``moves`` (n, 1) of :func:`sensitivity`, :data:`_UNITS` units of an image's largest logit, and
    :data:`_FEW` of the ``largest`` value on the way, of which sums may cancel whatever the weights are.
    """
    eps = torch.finfo(dtype).eps
    shares = _UNITS * logits.abs().amax(dim=1, keepdim=True) + _FEW * largest
    return _TIMES * eps / torch.finfo(_SINGLE).eps * moves + eps * shares


def check_beside(
    model: nn.Module, dtype: torch.dtype, images: torch.Tensor, logits: torch.Tensor, room: torch.Tensor, run: Evaluate
) -> None:
    """Raise InputError unless ``model`` itself, in its own ``dtype``, gives the ``logits`` (n, k) of its float64 copy.

    But for ``room`` (n, 1), the :func:`stated_rounding`.
    """
    own = run(model, images.to(dtype)).double()
    if own.shape != logits.shape:
        raise InputError(
            f"the model's logits are {tuple(own.shape)}, those of its copy in float64 {tuple(logits.shape)}: it reads "
            "the bits of values as those of another dtype"
        )
    off = (own - logits).abs()
    wrong = ~(off <= room)  # NaN too
    if wrong.any():
        image = int(wrong.any(dim=1).nonzero()[0, 0])
        raise InputError(
            f"the model's logits of image {image} are {float(off[image].max()):.3g} off those of its copy in float64, "
            f"and rounding explains {float(room[image, 0]):.3g}: a constant or a branch of it depends on the dtype"
        )


def check_own_graph(model: nn.Module, graph: Graph) -> None:
    """Raise NoRuleError where a cast in the model itself, in its own dtype, is to one of fewer values.

    Its copy in float64, whose ``graph`` is given, makes no such cast, and what that does at a few images may not show
    it. Raises InputError where the model does not what its own graph does, as within ``torch.autocast``, which leaves
    float64 alone.
    """
    unknown = {layer.name for layer in graph.layers if layer.module is None}
    for layer in trace(model, graph.input_shape).layers:
        if layer.module is None and layer.name not in unknown:
            raise NoRuleError(f"{layer.name} ({layer.kind}): {layer.problem}")


def check_of_two(
    double: nn.Module, graph: Graph, images: torch.Tensor, logits: torch.Tensor, room: torch.Tensor
) -> None:
    """Raise InputError unless the graph of ``double`` gives, of two images at once, its ``logits`` of all of them.

    But for ``room`` (n, 1). What the model does by an image's place in the batch or by the batch's size, of which the
    graph's constants are those of two images, shows so.
    """
    assert graph.of_two is not None
    found = []
    with undisturbed(double, images.device), torch.no_grad():
        for two in images.split(2):
            found.append(graph.of_two(torch.cat([two, images[:1]])[:2])[: len(two)])
    check_read_off(logits, torch.cat(found), room, "its graph, as it is for two images")


def check_pieces(
    double: nn.Module, pieces: Pieces, images: torch.Tensor, logits: torch.Tensor, evaluate: Evaluate
) -> None:
    """Raise InputError unless ``pieces`` gives the ``logits`` of ``double``, but for what rounding may put them off.

    At the images, and at random ones of the box: near an image that lies in one piece of the network, another that was
    read wrongly does not show.
    """
    room = 2 * pieces.allowances[-1][0]
    check_read_off(logits, pieces.logits(images), room)
    random = torch.Generator().manual_seed(0)
    others = torch.rand((_OTHERS, *images.shape[1:]), generator=random, dtype=torch.float64, device="cpu")
    others = others.to(images.device)
    check_read_off(evaluate(double, others), pieces.logits(others), room, which="random image")


def check_read_off(
    logits: torch.Tensor,
    found: torch.Tensor,
    room: torch.Tensor,
    what: str = "the layers read off it",
    *,
    which: str = "image",
) -> None:
    """Raise InputError unless a network read off a model gives, as ``found``, its ``logits`` (n, k), within ``room``.

    ``what``: that network, and ``which`` images they are, for the message.
    """
    if found.shape != logits.shape:
        raise InputError(f"the model's logits are {tuple(logits.shape)}, those of {what} {tuple(found.shape)}")
    off = (found - logits).abs()
    wrong = ~(off <= room)
    if wrong.any():
        image = int(wrong.any(dim=1).nonzero()[0, 0])
        raise InputError(f"the model's logits of {which} {image} are {float(off[image].max()):.3g} off those of {what}")
