import numpy as np
import pytest
import torch
from torch import nn

from blindspots import InputError, distances_to_all, minimum_distortion

IMAGES = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2])


def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


def at(row, value):
    images = IMAGES.clone()
    images[row, 0, 1, 1] = value
    return images


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (at(1, 1.5), "image 1 has values from .* to 1.5; scale the images to"),
        (at(2, -0.1), "image 2 has values from -0.1"),
        (at(1, float("nan")), "image 1 holds NaN or infinity"),
        (at(0, float("inf")), "image 0 holds NaN or infinity"),
        (IMAGES[:0], "an empty batch"),
        (IMAGES[:, :, :0], "an empty batch"),
        (IMAGES[0, 0, 0], r"shape is \(2,\); give a batch"),
        ((255 * IMAGES).to(torch.uint8), "dtype is torch.uint8"),
        (IMAGES.half(), "dtype is torch.float16"),
        (IMAGES.tolist(), "images is a list"),
        (torch.nested.nested_tensor([IMAGES[0], IMAGES[1]]), "images is a nested tensor"),
        (IMAGES.double(), "the model's dtype is torch.float32, the images' torch.float64"),
        (torch.rand(3, 5), r"the model refuses images of the shape \(3, 5\)"),
    ],
)
def test_images(images, message):
    with pytest.raises(InputError, match=message):
        minimum_distortion(model(), images, LABELS)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS.float(), "labels' dtype is torch.float32; give integers"),
        (LABELS.bool(), "labels' dtype is torch.bool"),
        (LABELS[:2], r"shape is \(2,\); give one label an image, \(3,\)"),
        (LABELS[:, None], r"shape is \(3, 1\)"),
        (torch.tensor([0, 3, 1]), "the label of image 1 is 3; it must be from 0 to 2"),
        (torch.tensor([0, 1, -1]), "the label of image 2 is -1"),
        ([0, 1, 2], "labels are a list"),
        (LABELS.to_sparse(), "the tensor of labels is sparse"),
        (LABELS.to("meta"), "the tensor of labels is on the device meta"),
        (
            np.array([0, 2**64 - 1, 1], np.uint64),
            "the label of image 1 is 18446744073709551615; it must be from 0 to 2",
        ),
        (torch.tensor([0, 2, 60_000]).to(torch.uint16), "the label of image 2 is 60000"),
    ],
)
def test_labels(labels, message):
    with pytest.raises(InputError, match=message):
        minimum_distortion(model(), IMAGES, labels)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("furthest", "no rule is called 'furthest'; give one of nearest, second, random, class-<number>, or a tensor"),
        (None, "no rule is called None"),
        (np.array(["nearest", "second", "nearest"]), r"no rule is called array\("),
        (torch.tensor([1, 2, 0]).to_sparse(), "the tensor of targets is sparse"),
        (torch.tensor([1, 2, 0], device="meta"), "the tensor of targets is on the device meta"),
        (torch.tensor([1, 1, 0]), "the target of image 1 is its label, 1"),
        (torch.tensor([1, 2, 3]), "the target of image 2 is 3; it must be from 0 to 2"),
        (torch.tensor([1, 2]), r"shape is \(2,\); give one target an image"),
        (torch.tensor([1.0, 2.0, 0.0]), "targets' dtype is torch.float32"),
    ],
)
def test_rules(rule, message):
    with pytest.raises(InputError, match=message):
        minimum_distortion(model(), IMAGES, LABELS, rule=rule)


@pytest.mark.parametrize("rule", ["nearest", "random"])
@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([0, 1], r"has the shape \(2,\); give one id an image, \(3,\)"),
        ([0, 1, -4], "-4 is negative"),
        ([0.0, 1.0, 2.0], "give integer ids"),
        (torch.ones(3, dtype=torch.bfloat16), "dtype is torch.bfloat16; give integer ids"),
        (torch.arange(3).to_sparse(), "examples is sparse"),
        ([[1], [2, 3]], r"examples is \[\[1\], \[2, 3\]\], which is no row of ids"),
    ],
)
def test_examples(rule, examples, message):
    with pytest.raises(InputError, match=message):
        minimum_distortion(model(), IMAGES, LABELS, rule=rule, examples=examples)


@pytest.mark.parametrize("kind", [torch.uint16, torch.uint32, torch.uint64, np.uint16, np.uint32, np.uint64])
def test_unsigned_labels_and_targets_are_taken_as_they_are(kind):
    network, targets = model(), (LABELS + 1) % 3
    unsigned = [
        each.to(kind) if isinstance(kind, torch.dtype) else each.numpy().astype(kind) for each in (LABELS, targets)
    ]
    found = minimum_distortion(network, IMAGES, unsigned[0], rule=unsigned[1])
    assert torch.equal(found.distortion, minimum_distortion(network, IMAGES, LABELS, rule=targets).distortion)
    assert distances_to_all(network, IMAGES, unsigned[0]).gather(1, LABELS[:, None]).eq(0).all()


class Returning(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        return self.value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(3, 1), "logits for 1 class; it must tell at least 2 apart"),
        (torch.zeros(3), r"the shape \(3,\) for 3 image\(s\); it must return logits \(3, k\)"),
        (torch.zeros(2, 3), r"the shape \(2, 3\) for 3"),
        (torch.zeros(3, 2, 2), r"the shape \(3, 2, 2\)"),
        (torch.tensor([[0.0, 1], [0, float("nan")], [0, 0]]), "NaN or infinity for image 1"),
        (torch.zeros(3, 3, dtype=torch.int64), "returned torch.int64"),
        (torch.zeros(3, 3, dtype=torch.bfloat16), "returned torch.bfloat16 for images of torch.float32"),
        (torch.zeros(3, 3, dtype=torch.float64), r"convert the logits, with logits.to\(torch.float32\)"),
        (None, "returned a NoneType"),
    ],
)
def test_models(value, message):
    with pytest.raises(InputError, match=message):
        minimum_distortion(Returning(value), IMAGES, LABELS)


def test_a_refusal_leaves_the_mode_as_it_was():
    network = model().train()
    with pytest.raises(InputError):
        minimum_distortion(network, IMAGES, torch.tensor([0, 1, 7]))
    assert all(module.training for module in network.modules())
