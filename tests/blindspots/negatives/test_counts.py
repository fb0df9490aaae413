"""What is read along random directions, against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import nn

from blindspots import device
from blindspots.distortion.search import minimum_distortion
from blindspots.errors import InputError
from blindspots.negatives.counts import Negatives, adversarial_negatives
from blindspots.negatives.directions import on_sphere, random_directions
from blindspots.negatives.flat_boundary import flat_boundary_share

SPHERE, BOX = 0, 1


def two_classes(values: int, seed: int) -> tuple[nn.Linear, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A linear model of two classes, images around grey near its boundary, labels, and exact least distortions."""
    random = torch.Generator().manual_seed(seed)
    model = nn.Linear(values, 2)
    with torch.no_grad():
        model.weight.copy_(torch.randn(2, values, generator=random))
        model.bias.copy_(-model.weight.sum(1) / 2)
    images = 0.5 + 0.02 * torch.randn(10, values, generator=random)
    normal, offset = (model.weight[1] - model.weight[0]).double(), (model.bias[1] - model.bias[0]).double()
    lead = images.double() @ normal + offset
    least = lead.abs() / normal.norm() / math.sqrt(values)
    return model.requires_grad_(False), images, (lead > 0).long(), least.detach()


@pytest.mark.parametrize("values", [4, 7, 12])
def test_a_flat_boundary_is_crossed_as_often_as_the_closed_form_says(values: int) -> None:
    model, images, labels, least = two_classes(values, values)
    multiples = (0.5, 0.99, 1.1, 1.5, 2.0, 3.0, 5.0)
    found = adversarial_negatives(
        model, images, labels, least=least, multiples=multiples, directions=4000, seed=0, examples=range(10)
    )
    assert found.counted.all()
    assert (found.shown == 4000).all()
    counts = found.misread.sum(0)
    for k, multiple in enumerate(multiples):
        low, high = binom.interval(1 - 1e-5, 40_000, flat_boundary_share(multiple, values))
        assert low <= int(counts[SPHERE, k]) <= high, multiple
    assert counts[SPHERE, :2].tolist() == [0, 0]
    assert counts[SPHERE, 3] > 0
    # nothing is clipped around grey, so that both places are one
    assert 5 * float(least.max()) * math.sqrt(values) < 0.4
    assert (found.misread[:, SPHERE] - found.misread[:, BOX]).abs().max() <= 1


def bounded(values: int = 40) -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    """Softmax regression, and images many of whose values are 0 or 1."""
    random = torch.Generator().manual_seed(7)
    model = nn.Linear(values, 4)
    with torch.no_grad():
        model.weight.copy_(torch.randn(4, values, generator=random))
        model.bias.copy_(-model.weight.sum(1) / 2)
    images = (2 * torch.rand(30, values, generator=random) - 0.5).clamp(0, 1)
    return model.requires_grad_(False), images, model(images).argmax(1)


def test_in_the_box_nothing_is_misread_nearer_than_the_least() -> None:
    model, images, labels = bounded()
    least = minimum_distortion(model, images, labels, rule="nearest").distortion
    found = adversarial_negatives(
        model, images, labels, least=least, multiples=(0.5, 0.999, 3), directions=500, seed=0, examples=range(30)
    )
    assert (found.shown[:, BOX, :2] == 500).all()
    assert found.misread[:, BOX].sum(0)[:2].tolist() == [0, 0]
    assert found.misread[:, BOX, 2].sum() > 50


def test_directions_the_box_holds_too_little_of_are_counted_and_not_shown() -> None:
    """From black, k positive values of four reach sqrt(k / 4): a distortion of 0.8 needs three of them."""
    model = nn.Linear(4, 2).requires_grad_(False)
    model.weight.copy_(torch.tensor([[0.0] * 4, [1.0] * 4]))
    model.bias.copy_(torch.tensor([0.0, -1.0]))
    image = torch.zeros(1, 4)
    found = adversarial_negatives(
        model,
        image,
        torch.tensor([0]),
        least=torch.tensor([0.4]),
        multiples=(0.1, 2),
        directions=300,
        seed=5,
        examples=[3],
        split="x",
    )
    directions = torch.cat(list(random_directions(image[0], 300, seed=5, example=3, split="x")))
    positive = (directions > 0).sum(1)
    # a direction with no positive value leads nowhere at all
    assert found.shown[0, BOX].tolist() == [int((positive >= 1).sum()), int((positive >= 3).sum())]
    assert (found.shown + found.out_of_reach == 300).all()
    assert found.out_of_reach[0, SPHERE].tolist() == [0, 0]
    # of a mean square of 0.64 in at most four values, none beyond 1, the sum is above 1
    assert found.misread[0, BOX].tolist() == [0, int((positive >= 3).sum())]
    assert found.misread[0, SPHERE, 1] == int((directions.sum(1) * 0.8 > 1).sum())


def test_counts_do_not_depend_on_how_images_and_directions_are_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, labels = bounded()
    least = minimum_distortion(model, images, labels, rule="nearest").distortion
    ids = np.random.default_rng(0).permutation(1000)[:30]

    def counted(rows: slice | torch.Tensor) -> Negatives:
        return adversarial_negatives(
            model,
            images[rows],
            labels[rows],
            least=least[rows],
            multiples=(2, 4),
            directions=100,
            seed=1,
            examples=ids[rows],
            split="train",
        )

    whole = counted(slice(None))
    assert whole.misread.sum() > 100
    parts = [counted(slice(start, start + 7)) for start in range(0, 30, 7)]
    assert torch.equal(torch.cat([part.misread for part in parts]), whole.misread)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    assert torch.equal(counted(order).misread, whole.misread[order])
    monkeypatch.setattr(device, "BUDGET", 32 * 300)
    few = counted(slice(None))
    assert torch.equal(few.misread, whole.misread)
    assert torch.equal(few.shown, whole.shown)


def test_another_model_is_shown_the_same_images() -> None:
    seen: list[torch.Tensor] = []

    class Watched(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.clone())
            return torch.stack([images.sum(1), images.sum(1) - 1], 1)

    images, labels = torch.full((1, 9), 0.5), torch.tensor([0])
    what = {"multiples": (2,), "directions": 3, "seed": 4, "examples": [5], "split": "test"}
    for least in (0.01, 0.02):
        adversarial_negatives(Watched(), images, labels, least=torch.tensor([least]), **what)
    (_, near, _), (_, far, _) = seen[:3], seen[3:]
    torch.testing.assert_close(2 * (near - 0.5), far - 0.5)
    directions = torch.cat(list(random_directions(images[0], 3, seed=4, example=5, split="test")))
    assert torch.equal(near, on_sphere(images[0], directions, torch.tensor([0.02]))[0])


def test_images_misread_from_the_start_or_of_no_known_distortion_are_left_out() -> None:
    model, images, labels, least = two_classes(6, 1)
    labels[0] = 1 - labels[0]
    least[1:4] = torch.tensor([0.0, math.nan, math.inf])
    found = adversarial_negatives(
        model, images, labels, least=least, multiples=(9,), directions=50, seed=0, examples=range(10)
    )
    assert found.counted.tolist() == [False] * 4 + [True] * 6
    for counts in (found.shown, found.misread, found.out_of_reach):
        assert not counts[:4].any()
    assert (found.shown[4:, SPHERE] == 50).all()


def test_the_model_is_left_as_it_was_and_read_as_in_evaluation() -> None:
    model, images, labels, least = two_classes(6, 2)
    whole = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), model).double().train()
    shaped = images.double().reshape(10, 1, 2, 3)
    found = adversarial_negatives(
        whole, shaped, labels, least=least, multiples=(0.9, 4), directions=200, seed=0, examples=range(10)
    )
    assert whole.training
    assert whole[1].training
    plain = adversarial_negatives(
        model.double(),
        images.double(),
        labels,
        least=least,
        multiples=(0.9, 4),
        directions=200,
        seed=0,
        examples=range(10),
    )
    assert found.counted.all()
    assert torch.equal(found.misread, plain.misread)


GOOD = {"multiples": (2,), "directions": 2, "seed": 0, "examples": range(10)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"multiples": ()}, "multiples is empty"),
        ({"multiples": (1, 0)}, "a multiple is 0; give a number above 0"),
        ({"directions": 0}, "directions is 0; give at least 1"),
        ({"examples": range(9)}, r"examples has the shape \(9,\)"),
        ({"images": torch.full((10, 6), 1.5)}, "image 0 has values from 1.5 to 1.5"),
        ({"images": torch.full((10, 5), 0.5)}, "the model refuses images of the shape"),
        ({"labels": torch.full((10,), 2)}, "the label of image 0 is 2"),
        ({"least": torch.ones(9)}, r"least has the shape \(9,\); give one distortion an image, \(10,\)"),
    ],
)
def test_it_refuses(change: dict[str, object], message: str) -> None:
    model, images, labels, least = two_classes(6, 3)
    given = {"images": images, "labels": labels, "least": least} | GOOD | change
    with pytest.raises(InputError, match=message):
        adversarial_negatives(model, **given)
