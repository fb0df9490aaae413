"""What a QuocNet's stage is trained on: squares of pictures, whitened, as the stages before leave them."""

from collections.abc import Callable

import torch

from blindspots.jobs.quocnet.work import INPUTS, StageWork, split_of
from blindspots.networks.quocnet import L2Pooling, LocalContrastNormalisation
from blindspots.store import layout
from blindspots.training.layerwise.inputs import squares
from blindspots.training.layerwise.stored import stored_codes, stored_whitening
from blindspots.training.layerwise.zca import whitening

_WHITENED = 200
"""Pictures whose patches tell how images are whitened."""


def make_whitening(work: StageWork) -> None:
    """Find out what whitens the pictures that a QuocNet is trained on, and store it."""
    count = min(work.spec.images, _WHITENED)
    blocks = range(-(-count // work.pictures_a_block))
    found = whitening(_squares(work, block, count=1) for block in blocks)
    work.keep(layout.quocnet_whitening(), found.state_dict())


def make_inputs(work: StageWork, block: int) -> None:
    """Store the inputs of a block, where they are not there: several squares of a picture, one of those held out."""
    key = layout.quocnet_inputs(work.stage, block)
    if work.has(key):
        return
    trained, _ = work.blocks
    images = _squares(work, block, count=work.spec.squares if block < trained else 1)
    place, spec = work.workspace.place, work.spec
    with torch.no_grad():
        made = stored_whitening(place, spec.shape)(images)
        for stage, shape in enumerate(spec.shape.shapes[: work.stage - 1], 1):
            made = L2Pooling(shape.pool)(stored_codes(place, spec, stage, made))
            made = LocalContrastNormalisation()(made)
    work.save(key, {INPUTS: made})


def _squares(work: StageWork, block: int, *, count: int) -> torch.Tensor:
    workspace, ids = work.workspace, work.examples(block)
    pictures = workspace.dataset.images(split_of(workspace), ids)
    cut: Callable[[torch.Tensor, int], torch.Tensor] = lambda picture, example: squares(  # noqa: E731
        picture, work.spec.shape, count=count, seed=workspace.study.seed, example=example
    )
    return torch.cat([cut(picture, int(example)) for picture, example in zip(pictures, ids, strict=True)])
