"""What is asked of the input, before any work starts: every refusal is an :class:`InputError`."""

import math
from collections.abc import Sequence
from numbers import Integral

import numpy as np
import torch

from blindspots.arguments import check_dense
from blindspots.errors import InputError

_INTEGERS = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.uint16, torch.uint32, torch.uint64),  # of which torch has few operations: int64 takes their place
)


def check_images(images: torch.Tensor) -> None:
    """Refuse what is not a batch (n, ...) of float32 or float64 images in [0, 1]."""
    check_dense("images", images)
    if images.dtype not in (torch.float32, torch.float64):
        raise InputError(f"the images' dtype is {images.dtype}; give torch.float32 or torch.float64 in [0, 1]")
    if images.dim() < 2:
        raise InputError(f"the images' shape is {tuple(images.shape)}; give a batch (n, ...), one row an image")
    if images.numel() == 0:
        raise InputError(f"the images' shape is {tuple(images.shape)}, an empty batch; give at least one image")
    low, high = images.aminmax()
    if low >= 0 and high <= 1:
        return
    finite = torch.isfinite(images).flatten(1).all(dim=1)
    if not finite.all():
        raise InputError(f"image {_first(~finite)} holds NaN or infinity; every value must be in [0, 1]")
    outside = ((images < 0) | (images > 1)).flatten(1).any(dim=1)
    if outside.any():
        row = _first(outside)
        low, high = images[row].aminmax()
        raise InputError(
            f"image {row} has values from {float(low):.9g} to {float(high):.9g}; "
            "scale the images to [0, 1] and let the model normalise"
        )


def check_labels(labels: torch.Tensor, classes: int, *, count: int | None = None, name: str = "label") -> None:
    """Refuse labels that are not (n,) integers in [0, classes); ``count`` is n, where it is known."""
    if isinstance(classes, bool) or not isinstance(classes, Integral):
        raise InputError(f"the number of classes is {classes!r}; give an integer from 2")
    if classes < 2:
        raise InputError(f"there is only {classes} class; an image can be misread from 2 classes on")
    if not isinstance(labels, torch.Tensor):
        raise InputError(f"the {name}s are a {type(labels).__name__}; give a torch tensor of integers, one an image")
    check_dense(f"the tensor of {name}s", labels)
    if labels.dtype not in _INTEGERS:
        raise InputError(f"the {name}s' dtype is {labels.dtype}; give integers, such as torch.int64")
    if labels.dim() != 1 or (count is not None and len(labels) != count):
        wanted = "(n,)" if count is None else f"({count},)"
        raise InputError(f"the {name}s' shape is {tuple(labels.shape)}; give one {name} an image, {wanted}")
    values = labels.long()  # those of uint64 that do not fit are negative there
    outside = (values < 0) | (values >= classes)
    if outside.any():
        row = _first(outside)
        raise InputError(
            f"the {name} of image {row} is {labels[row].cpu().numpy()}; it must be from 0 to {classes - 1}"
        )


def check_examples(examples: Sequence[int] | np.ndarray | torch.Tensor, count: int) -> list[int]:
    """Return the examples' ids as integers; refuse them if they are not ``count`` integers from 0."""
    if isinstance(examples, torch.Tensor):
        check_dense("examples", examples)
        if examples.dtype not in _INTEGERS:
            raise InputError(f"the examples' dtype is {examples.dtype}; give integer ids")
        examples = examples.cpu().numpy()
    try:
        ids = np.asarray(examples)
    except ValueError:  # of lists that differ in length
        raise InputError(
            f"examples is {examples!r:.60}, which is no row of ids; give one an image, ({count},)"
        ) from None
    if ids.ndim != 1 or len(ids) != count:
        raise InputError(f"examples has the shape {ids.shape}; give one id an image, ({count},)")
    if len(ids) and ids.dtype.kind not in "iu":
        raise InputError(f"the examples' dtype is {ids.dtype}; give integer ids")
    if (ids < 0).any():
        raise InputError(f"the example id {int(ids.min())} is negative; ids start at 0")
    return [int(index) for index in ids]


def check_targets(targets: torch.Tensor, labels: torch.Tensor, *, classes: int) -> None:
    """Refuse targets that are not integers in range, one an image, each other than the image's label."""
    check_labels(targets, classes, count=len(labels), name="target")
    same = targets.to(labels.device).long() == labels.long()
    if same.any():
        row = _first(same)
        raise InputError(f"the target of image {row} is its label, {int(labels[row])}; name another class")


def check_class(target: int, classes: int) -> None:
    """Refuse a class that the model does not have."""
    if not 0 <= target < classes:
        raise InputError(f"the class {target} is not one of the model's; it must be from 0 to {classes - 1}")


def check_readable(logits: object, device: torch.device) -> None:
    """Refuse what a model returned where its values cannot be read beside the images, which are on ``device``."""
    if isinstance(logits, torch.Tensor):
        check_dense("what the model returned", logits)
        if logits.device != device:
            raise InputError(f"the model returned logits on {logits.device} for images on {device}: move one of them")


def check_logits(logits: object, *, count: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the logits; refuse what is not a tensor (count, k) of finite values of ``dtype`` with k at least 2."""
    if not isinstance(logits, torch.Tensor):
        raise InputError(f"the model returned a {type(logits).__name__}; it must return a tensor of logits (n, k)")
    if logits.dim() != 2 or len(logits) != count:
        raise InputError(
            f"the model returned the shape {tuple(logits.shape)} for {count} image(s); "
            f"it must return logits ({count}, k)"
        )
    if not logits.is_floating_point():
        raise InputError(f"the model returned {logits.dtype}; it must return floating-point logits (n, k)")
    if logits.dtype != dtype:
        raise InputError(
            f"the model returned {logits.dtype} for images of {dtype}: convert the logits, with logits.to({dtype})"
        )
    if logits.shape[1] < 2:
        raise InputError(f"the model returned logits for {logits.shape[1]} class; it must tell at least 2 apart")
    finite = torch.isfinite(logits).all(dim=1)
    if not finite.all():
        raise InputError(f"the model returned NaN or infinity for image {_first(~finite)}; logits must be finite")
    return logits


def check_positive(name: str, value: float) -> None:
    """Refuse a ``value`` that is not a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InputError(f"{name} is {value!r}; give a number above 0")


def _first(rows: torch.Tensor) -> int:
    return int(rows.nonzero()[0])
