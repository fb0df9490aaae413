"""Local filtering: like a convolution, but with filters of its own at every place (Le et al. 2011)."""

from collections.abc import Iterator

import torch
from torch import nn

from blindspots.device import rows_at_once
from blindspots.errors import InputError

Strips = Iterator[tuple[slice, slice]]


def encode(filters: torch.Tensor, images: torch.Tensor, *, stride: int = 1) -> torch.Tensor:
    """Return what the filters give at every place (n, maps, rows, columns).

    ``filters``: (rows, columns, maps, channels * field * field), at every place (row, column) those for the field of
    ``images`` (n, channels, height, width) whose corner is at ``stride`` times the place. Fields and places must cover
    the images. Work goes by rows of places, since all fields at once take many times an image's memory.
    """
    field = field_of(filters, images.shape[1])
    found = []
    for places, pixels in strips(filters, len(images), field, stride):
        seen = fields_of(images[:, :, pixels], field, stride)
        made = torch.bmm(seen, filters[places].flatten(0, 1).transpose(1, 2))
        rows, columns = len(filters[places]), filters.shape[1]
        found.append(made.reshape(rows, columns, len(images), -1).permute(2, 3, 0, 1))
    return torch.cat(found, dim=2)


def decode(filters: torch.Tensor, codes: torch.Tensor, *, channels: int, stride: int = 1) -> torch.Tensor:
    """Return the images (n, channels, height, width) that ``codes`` (n, maps, rows, columns) stand for.

    The adjoint of :func:`encode`: every place adds its filters, times its codes, to its field.
    """
    field = field_of(filters, channels)
    rows, columns = filters.shape[:2]
    height, width = ((count - 1) * stride + field for count in (rows, columns))
    images = codes.new_zeros(len(codes), channels, height, width)
    for places, pixels in strips(filters, len(codes), field, stride):
        part = codes[:, :, places].permute(2, 3, 0, 1).flatten(0, 1)
        drawn = torch.bmm(part, filters[places].flatten(0, 1)).permute(1, 2, 0)
        size = (pixels.stop - pixels.start, width)
        images[:, :, pixels] += nn.functional.fold(drawn, size, field, stride=stride)
    return images


def add_correlations(into: torch.Tensor, codes: torch.Tensor, images: torch.Tensor, *, stride: int = 1) -> torch.Tensor:
    """Add to ``into`` the products of codes with the fields they belong to, summed over the images, and return it.

    ``into``: of the filters' shape. Of the sum of ``codes`` times what filters give at ``images`` this is the gradient
    with respect to the filters.
    """
    field = field_of(into, images.shape[1])
    for places, pixels in strips(into, len(images), field, stride):
        part = codes[:, :, places].permute(2, 3, 1, 0).flatten(0, 1)
        found = into[places]
        found += torch.bmm(part, fields_of(images[:, :, pixels], field, stride)).view_as(found)
    return into


def fields_of(images: torch.Tensor, field: int, stride: int) -> torch.Tensor:
    """Return what the filters of every place see: (places, n, channels * field * field)."""
    fields = images.unfold(2, field, stride).unfold(3, field, stride)
    return fields.permute(2, 3, 0, 1, 4, 5).flatten(3).flatten(0, 1)


def strips(filters: torch.Tensor, count: int, field: int, stride: int) -> Strips:
    """Yield rows of places, as many as are worked on at once for ``count`` images, with the rows of pixels they see."""
    rows, columns, _, values = filters.shape
    step = rows_at_once(columns * count * values, arrays=2, most=rows)
    for top in range(0, rows, step):
        bottom = min(rows, top + step)
        yield slice(top, bottom), slice(top * stride, (bottom - 1) * stride + field)


def field_of(filters: torch.Tensor, channels: int) -> int:
    """Return the height and width of a field; raise :class:`InputError` where ``filters`` are not for ``channels``."""
    field: int = round((filters.shape[-1] / channels) ** 0.5)
    if filters.dim() != 4 or channels * field**2 != filters.shape[-1]:
        raise InputError(
            f"filters of the shape {tuple(filters.shape)} for {channels} channels: (rows, columns, maps, "
            f"{channels} * field * field) are wanted"
        )
    return field


class _Filtering(torch.autograd.Function):
    """:func:`encode`, whose gradients are :func:`decode` and :func:`add_correlations`."""

    @staticmethod
    def forward(ctx, filters, images, stride):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(filters, images)
        ctx.stride = stride
        return encode(filters, images, stride=stride)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        filters, images = ctx.saved_tensors
        of_filters = of_images = None
        if ctx.needs_input_grad[0]:
            of_filters = add_correlations(torch.zeros_like(filters), gradient, images, stride=ctx.stride)
        if ctx.needs_input_grad[1]:
            of_images = decode(filters, gradient, channels=images.shape[1], stride=ctx.stride)
        return of_filters, of_images, None


class LocalFiltering(nn.Module):
    """Linear filters of their own at every place: a convolution whose weights are not tied over the image.

    ``shape``: channels, height and width of what comes in; ``field``: height and width of what a filter sees;
    ``maps``: filters at every place; ``stride``: from one place to the next, which must cover the image. The weights
    are ``filters`` (rows, columns, maps, channels * field * field), left empty: they come from a training. No biases.
    """

    def __init__(self, shape: tuple[int, int, int], *, field: int, maps: int, stride: int = 1) -> None:
        super().__init__()
        channels, height, width = shape
        if min(height, width) < field or (height - field) % stride or (width - field) % stride:
            raise InputError(f"fields of {field} at stride {stride} do not cover images of {height} x {width}")
        self.shape, self.stride = shape, stride
        rows, columns = ((size - field) // stride + 1 for size in (height, width))
        self.filters = nn.Parameter(torch.empty(rows, columns, maps, channels * field**2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n, maps, rows, columns) of ``images`` (n, channels, height, width)."""
        if tuple(images.shape[1:]) != self.shape:
            raise InputError(
                f"images of the shape {tuple(images.shape)}: (n, {', '.join(map(str, self.shape))}) wanted"
            )
        made: torch.Tensor = _Filtering.apply(self.filters, images, self.stride)  # type: ignore[no-untyped-call]
        return made

    def extra_repr(self) -> str:
        """Return what the layer was built from."""
        rows, columns, maps, values = self.filters.shape
        return f"{rows} x {columns} places, maps={maps}, values={values}, stride={self.stride}"
