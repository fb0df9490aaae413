"""What counts as a model: modules as they are, functions, exported programs; and what is no model at all."""

import pytest
import torch
from torch import nn

from blindspots import InputError
from blindspots.models.unknown.called import as_module

IMAGES = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))


def test_a_function_becomes_a_module_and_a_module_stays_itself() -> None:
    layer = nn.Linear(5, 2)
    assert as_module(layer) is layer
    assert torch.equal(as_module(lambda images: 2 * images)(IMAGES), 2 * IMAGES)


@pytest.mark.parametrize(
    ("model", "message"), [("resnet", "the model is a str; give"), (nn.ReLU, r"class ReLU itself; .* ReLU\(\.\.\.\)")]
)
def test_what_cannot_be_called_with_images_is_named(model: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_module(model)
