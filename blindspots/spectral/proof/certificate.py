"""How far an image can be moved at least before it is misread: proved from the weights (section 4.3)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from blindspots.arguments import of_numpy_too
from blindspots.device import rows_at_once
from blindspots.errors import InputError
from blindspots.models.checks import check_images, check_labels, check_logits
from blindspots.models.classifier import Classifier, undisturbed
from blindspots.models.unknown.one_by_one import check_one_by_one
from blindspots.spectral.graph.graph import Graph, trace
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import bound_layer, running_constants, running_jumps
from blindspots.spectral.proof.beside import (
    check_beside,
    check_of_two,
    check_own_graph,
    check_pieces,
    check_read_off,
    in_float64,
    own_dtype,
    sensitivity,
    stated_rounding,
)
from blindspots.spectral.proof.leads import Allowance, Leads, lead_constants
from blindspots.spectral.proof.local import local_radius
from blindspots.spectral.proof.own_casts import own_casts_kept
from blindspots.spectral.proof.sigmoid_bound import JointBound
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, sigmoid_network
from blindspots.spectral.relaxation.branching import Branching
from blindspots.spectral.relaxation.pieces import Pieces
from blindspots.spectral.relaxation.radius import relaxed_radii
from blindspots.spectral.relaxation.reading import piecewise
from blindspots.spectral.rules.layer_inputs import own_code

Arithmetic = Literal["real", "own"]
Method = Literal["auto", "local", "sdp", "product", "relaxation", "exact"]
_DOWN = 1 - 1e-9
"""Radii are rounded down by as much."""
_ARRAYS = 2
"""Of images: the model's first layer may be as large."""
_EXACT = 2e-4
"""By which share of the distance of a misread image what is proved may fall short, to count as exact."""
_MOST_ROUNDING = 1e-6
_RELAXED = 1 << 22
"""Values that the relaxation takes backwards for an image at most, for "auto" to choose it."""


@dataclass(frozen=True)
class Certified:
    """What is proved of images: tensors, one entry an image."""

    radius: torch.Tensor
    """(n,) float64: no change of a smaller Euclidean norm makes the model misread the image; 0 where it does already.
    Infinity where a model always reads the same.

    By "local", "relaxation" and "exact": no change within the box [0, 1], the paper's constraint; by the others, no
    change at all.
    """
    distortion: torch.Tensor
    """(n,) float64: the same as the paper's distortion, over the root of how many values an image has."""
    margin: torch.Tensor
    """(n,) float64: the label's logit less the largest other one."""
    constant: float
    """A Lipschitz constant of all logits, in logits per unit of the image's Euclidean norm; NaN where the proof has
    none, by "local", "relaxation" and "exact"."""
    method: Method
    """What proved it."""
    found: torch.Tensor
    """(n,) float64: the Euclidean norm of the least change within the box that makes the model misread the image, of
    those that "relaxation" and "exact" found beside; infinity without. The least there is lies between ``radius`` and
    this."""

    @property
    def exact(self) -> torch.Tensor:
        """(n,) whether the two are one, to 2e-4 of it: the least change is known."""
        return self.found.isfinite() & (self.radius >= self.found * (1 - _EXACT))


@of_numpy_too
def certified_radius(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    method: Method = "auto",
    arithmetic: Arithmetic = "real",
    parts: int = 2000,
) -> Certified:
    """Return the radii within which ``model`` provably reads no image as another class than its label.

    ``method`` "product": the layers' constants multiplied, branches included, as
    :func:`blindspots.spectral.network.network_bounds` does. If the last layer is linear, with the rows w, any
    class j can overtake the label y only at a distance of ``(f_y - f_j) / (||w_y - w_j|| L_1 ... L_(K-1))`` (section
    4.3); if not, of ``(f_y - f_j) / (sqrt(2) L)``. "sdp": with a constant for each pair of classes from all layers
    together (:mod:`.sigmoid_bound`), for fully connected sigmoid networks; "local": for the same
    ones, from how the network can bend near the image itself (:mod:`blindspots.spectral.proof.local`), which as a rule
    is the distance of the nearest misread image itself. "relaxation": by linear bounds within the ball and the box
    (:mod:`blindspots.spectral.relaxation`), for networks that are linear in pieces: rectifiers, leaky or not, poolings,
    convolutions, batch norms, residual sums; "exact": for the same ones, on by branch and bound until the radius meets
    a misread image, for ``parts`` parts of an image's ball at most. "auto": local where it applies, then the relaxation
    where the network is not too large for it, otherwise product; the result says which.

    Everything is done in float64, with a copy of the model in evaluation mode: the radii are of the function that the
    model's stored numbers define over the reals. Its rounding is bounded, but for "product": there a margin
    is taken off that is stated and tested, not proved (:meth:`.Allowance.stated`). What a model of less precision does
    when it is evaluated is another function. With ``arithmetic`` "own" the radii of "relaxation" and "exact" hold for
    that, at images of its dtype: what rounding can put each logit off near the image is bounded and taken off, as
    :func:`.lower_bound` does for the layers' product. The two functions have to be the same but for rounding: the model
    itself is evaluated too, in its own dtype, and a difference beyond is refused. So is a model that does not read each
    image for itself.

    ``images``: (n, ...) float32 or float64 in [0, 1]; ``labels``: (n,) integers. Raises :class:`InputError` for input
    that can't be used, for a model that can't be taken apart or whose dtype decides what it computes, and for a method
    that doesn't apply to it, NoRuleError for a layer without a known constant.
    """
    if method not in get_args(Method):
        raise InputError(f"method is {method!r}; it must be one of {', '.join(get_args(Method))}")
    if arithmetic not in get_args(Arithmetic):
        raise InputError(f"arithmetic is {arithmetic!r}; it must be one of {', '.join(get_args(Arithmetic))}")
    if parts < 1:
        raise InputError(f"parts = {parts}: a ball has at least 1")
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; give a torch.nn.Module")
    check_images(images)
    dtype = own_dtype(model, images)
    images = images.detach().double()
    double = in_float64(model, dtype).to(images.device)
    with own_casts_kept(dtype):
        graph = trace(double, tuple(images.shape[1:]))
        logits = _logits(double, images)
        check_labels(labels, logits.shape[1], count=len(images))
        labels = labels.to(images.device).long()
        moves = sensitivity(double, images, logits, _logits)
        with undisturbed(double, images.device):
            check_one_by_one(Classifier(double, images.shape[1:]), images, logits)
    if dtype != torch.float64:
        check_own_graph(model, graph)
        room = stated_rounding(dtype, logits, moves, largest=graph.largest)
        check_beside(model, dtype, images, logits, room, _logits)
    network = as_sigmoid_network(graph)
    if network is not None:
        # the derived rounding of the network, and as much for the model's own
        found = network.logits(network.hidden(images.flatten(1)), images.flatten(1))
        check_read_off(logits, found, 2 * network.rounding()[0][-1])
    if network is None and method in ("local", "sdp"):
        raise InputError(
            f"method {method!r} is for fully connected layers with sigmoids or hyperbolic tangents between"
        )
    pieces, why = None, ""
    if network is None or method in ("relaxation", "exact"):
        pieces, why = _pieces(graph, images, method)
    if pieces is not None:
        with own_casts_kept(dtype):
            check_pieces(double, pieces, images, logits, _logits)
    chosen = method
    if method == "auto":
        chosen = "local" if network is not None else "product" if pieces is None else "relaxation"
    if arithmetic == "own" and chosen not in ("relaxation", "exact"):
        why = f" ({why})" if why else ""
        raise InputError(f"arithmetic 'own' is for the methods relaxation and exact, and {chosen}{why} is by the reals")
    constant, nearest = math.nan, torch.full_like(logits[:, 0], torch.inf)
    if chosen in ("local", "sdp") and network is not None:
        here = _on_a_cpu(double, tuple(images.shape[1:])) if images.is_cuda else network
        radius, constant = _of_sigmoids(here, images.cpu(), logits.cpu(), labels.cpu(), chosen)
        radius = radius.to(images.device)
    elif pieces is not None:
        rounded, branching = dtype if arithmetic == "own" else None, Branching(parts) if chosen == "exact" else None
        shown = relaxed_radii(pieces, images, labels, dtype=rounded, branching=branching)
        radius, nearest = shown.proved, shown.found
        if rounded is not None:
            check_beside(model, rounded, images, logits, shown.off + pieces.allowances[-1], _logits)
    else:
        with own_casts_kept(dtype):
            in_double = stated_rounding(torch.float64, logits, moves, largest=graph.largest)
            check_of_two(double, graph, images, logits, in_double)
        apart, constant, jumps = _by_layers(graph, logits)
        radius = Leads(apart, Allowance.stated(logits, moves, jumps=jumps)).radius(logits, labels) * _DOWN
    own = labels[:, None]
    margin = logits.gather(1, own)[:, 0] - logits.scatter(1, own, -torch.inf).amax(dim=1)
    distortion = radius / math.sqrt(images[0].numel())
    return Certified(radius, distortion, margin, constant, chosen, nearest)


def _on_a_cpu(double: nn.Module, shape: tuple[int, ...]) -> SigmoidNetwork:
    """Return the network of a model on a GPU on the CPU, where one factors matrices of a few hundred rows sooner."""
    network = as_sigmoid_network(trace(double.cpu(), shape))
    assert network is not None
    return network


def _of_sigmoids(
    network: SigmoidNetwork, images: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor, method: Method
) -> tuple[torch.Tensor, float]:
    """Return the radii (n,) of a sigmoid network by "local" or "sdp", and the constant of the latter."""
    if method == "local":
        return local_radius(network, images.flatten(1), labels), math.nan
    together = JointBound(network)
    constant = together.of(torch.eye(logits.shape[1]).to(logits))  # first: the pairs' searches start where it ended
    leads = Leads(_pairs(logits, together.of), Allowance.proved(network.rounding()[0][-1]))
    return leads.radius(logits, labels) * _DOWN, constant


def _pieces(graph: Graph, images: torch.Tensor, method: Method) -> tuple[Pieces | None, str]:
    """Return the network as one that is linear in pieces, where the method wants it; for "auto" also None, and why.

    Raises InputError for another method where the network is none, which names what in it is not.
    """
    if method not in ("auto", "relaxation", "exact"):
        return None, ""
    try:
        pieces = piecewise(graph, images.device)
        if not all(bool(torch.isfinite(size).all()) for size in pieces.sizes) or pieces.share > _MOST_ROUNDING:
            raise NoRuleError("its values may overflow, or its sums have too many terms for float64")
    except NoRuleError as reason:
        if method == "auto":
            return None, str(reason)
        raise InputError(f"method {method!r} is for networks that are linear in pieces: {reason}") from reason
    if method == "auto" and pieces.effort > _RELAXED:
        return None, f"the relaxation would take {pieces.effort:,} values backwards, and {_RELAXED:,} is the most"
    return pieces, ""


def as_sigmoid_network(graph: Graph) -> SigmoidNetwork | None:
    """Return a graph's network, or None where it is none of fully connected layers with sigmoids between them.

    From layers of exactly these classes, with no code of their own: a subclass may do something else, under the rule
    that it has, and so may a layer whose forward pass was replaced.
    """
    layers: list[nn.Module] = []
    for place, step in enumerate(graph.steps[1:]):
        module = graph.layers[step.layer].module if step.rule == "layer" else None
        if step.inputs != (place,) or not (step.same or module is not None):
            return None
        if module is not None and own_code(module):
            return None
        if type(module) is nn.Flatten and len(graph.layers[step.layer].output_shape) != 1:
            return None
        if module is not None and type(module) not in (nn.Flatten, nn.Identity, nn.Dropout):
            if len(graph.layers[step.layer].input_shape) != 1:
                return None
            layers.append(module)
    return sigmoid_network(layers)


@torch.no_grad()
def _logits(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return the logits (n, k) of a model for images of its own dtype, in float64."""
    parts = images.split(rows_at_once(images[0].numel(), arrays=_ARRAYS))
    with undisturbed(model, images.device), torch.no_grad():
        return torch.cat(
            [check_logits(_widened(model(part.clone())), count=len(part), dtype=torch.float64) for part in parts]
        )


def _widened(logits: torch.Tensor) -> torch.Tensor:
    return logits.double() if isinstance(logits, torch.Tensor) and logits.is_floating_point() else logits


def _by_layers(graph: Graph, logits: torch.Tensor) -> tuple[torch.Tensor, float, float]:
    """Return how fast each logit's lead over each other can change (k, k) by the layers' constants, and the logits'.

    And how far these lie, in their norm, off those of a network of which that holds.
    """
    bounds = [bound_layer(layer) for layer in graph.layers]
    running, jumps = running_constants(graph, bounds), running_jumps(graph, bounds)[-1]
    last, whole = graph.steps[-1], running[-1]
    module = graph.layers[last.layer].module if last.rule == "layer" else None
    if type(module) is nn.Linear:
        return lead_constants(module, logits, own=math.nan, before=running[last.inputs[0]]), whole, jumps
    return lead_constants(None, logits, own=whole, before=1.0), whole, jumps


def _pairs(logits: torch.Tensor, bound: Callable[[torch.Tensor], float]) -> torch.Tensor:
    """Return the ``bound`` of each pair's lead (k, k)."""
    classes = logits.shape[1]
    eye, apart = torch.eye(classes).to(logits), logits.new_zeros(classes, classes)
    for first in range(classes):
        for second in range(first):
            apart[first, second] = apart[second, first] = bound(eye[first : first + 1] - eye[second : second + 1])
    return apart
