"""The seam between anyone's model and what works on rows: what it refuses, its gradients, and what it leaves alone."""

from typing import Any

import pytest
import torch
from torch import nn

from blindspots import InputError
from blindspots.models import Classifier, undisturbed
from blindspots.models.classifier import contrast, difference, nearest_boundaries, unit_of, worst_lead


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        parts = (nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 4))
        return nn.Sequential(*parts).double()


ROWS = torch.rand(5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SHAPE = torch.Size([1, 3, 3])


def test_gradients_are_those_of_the_weighted_logits() -> None:
    classifier = Classifier(network(), SHAPE)
    weights = torch.randn(5, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits, tape = classifier.evaluate(ROWS)
    torch.testing.assert_close(logits, classifier.logits(ROWS))
    several = classifier.pullbacks(tape, weights)
    step = 1e-6
    for column in range(3):
        _, tape = classifier.evaluate(ROWS)
        one = classifier.pullback(tape, weights[:, column])
        torch.testing.assert_close(several[:, column], one)
        for value in (0, 4, 8):
            moved = ROWS.clone()
            moved[:, value] += step
            slope = ((classifier.logits(moved) - logits) * weights[:, column]).sum(1) / step
            torch.testing.assert_close(one[:, value], slope, rtol=1e-4, atol=1e-6)


def test_gradients_have_memory_of_their_own() -> None:
    classifier = Classifier(nn.Flatten(), SHAPE)
    rows = ROWS.clone()
    classifier._model = lambda images: torch.stack([images.sum((1, 2, 3)), 0 * images[:, 0, 0, 0]], 1)
    _, tape = classifier.evaluate(rows)
    slope = classifier.pullback(tape, torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(5, 2))
    slope[0, 0] = 3
    assert slope.sum() == slope.numel() + 2


def test_the_nearest_boundaries_are_chosen_by_gap_over_gradient() -> None:
    gaps = torch.tensor([[1.0, 2.0, 9.0], [4.0, 1.0, 1.0]])
    norms = torch.tensor([[1.0, 4.0, 6.0], [1.0, 1.0, 0.0]])  # distances 1, 0.5, 1.5 and 4, 1, never
    assert nearest_boundaries(gaps, norms, 2.5).tolist() == [[True, True, False], [False, True, False]]
    classifier = Classifier(network(), SHAPE)
    logits, tape = classifier.evaluate(ROWS)
    label = logits.argmax(1, keepdim=True)
    others = logits.topk(3, dim=1).indices[:, 1:]
    weights = contrast(others, label, like=logits)
    gaps = logits.gather(1, label) - logits.gather(1, others)
    near = classifier.closest(tape, weights, gaps, within=1.0)
    assert near.row.tolist() == list(range(5))  # the nearest alone of each row
    _, tape = classifier.evaluate(ROWS)
    every = classifier.pullbacks(tape, weights)
    torch.testing.assert_close(near.normals, every[near.row, near.column])
    distance = gaps / every.norm(dim=2)
    assert torch.equal(near.column, distance.argmin(1))


def test_logits_far_from_1_have_a_unit_and_others_none() -> None:
    logits = torch.tensor([[3.0, -5.0], [0.5, -torch.inf]])
    assert unit_of(logits) == unit_of(1e9 * logits) == unit_of(0 * logits[:, :1]) == 1
    assert unit_of(logits * 2.0**100) == 2.0**-102
    assert unit_of(logits * 2.0**-100) == 2.0**98


def test_leads() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    target, rival = torch.tensor([2, 1]), torch.tensor([1, 0])
    assert difference(logits, target, rival).tolist() == [1.0, 5.0]
    assert worst_lead(logits, target).tolist() == [-1.0, 1.0]
    weights = contrast(target, rival, like=logits)
    assert weights.tolist() == [[0, -1, 1], [-1, 1, 0]]
    assert contrast(target[:, None].expand(2, 3), rival[:, None], like=logits.double()).dtype == torch.float64


class Inside(nn.Module):
    """Computes in the dtype and on the device of its layer, and returns what ``back`` makes of that."""

    def __init__(self, layer, back):
        super().__init__()
        self.layer, self.back = layer, back

    def forward(self, images):
        return self.back(self.layer(images.to(self.layer.weight)))


def test_a_model_may_cast_inside() -> None:
    layer = nn.Linear(9, 4).bfloat16()
    logits = Classifier(Inside(layer, torch.Tensor.double), ROWS.shape[1:]).checked(ROWS)
    assert torch.equal(logits, layer(ROWS.bfloat16()).double())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Inside(nn.Linear(9, 4, device="meta"), torch.nn.Identity()), "what the model returned is on the device meta"),
        (Inside(nn.Linear(9, 4).double(), torch.Tensor.to_sparse), "what the model returned is sparse"),
        (Inside(nn.Linear(9, 4).bfloat16(), nn.Identity()), "the model returned torch.bfloat16 for images of torch.fl"),
        (nn.Linear(9, 4), "the model's dtype is torch.float32, the images' torch.float64"),
        (nn.Linear(7, 4).double(), r"the model refuses images of the shape \(5, 9\)"),
        (nn.Linear(9, 1).double(), "the model returned logits for 1 class"),
        (nn.Unflatten(1, (3, 3)), r"the model returned the shape \(5, 3, 3\) for 5 image"),
    ],
)
def test_what_makes_no_sense_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Classifier(model, ROWS.shape[1:]).checked(ROWS)


def test_the_number_of_classes_is_known_once_it_was_asked_for() -> None:
    classifier = Classifier(network(), SHAPE)
    assert classifier.classes == 0
    classifier.checked(ROWS.reshape(5, *SHAPE))
    assert classifier.classes == 4


def test_a_model_is_left_as_it_was_found_whatever_happens() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(), nn.BatchNorm1d(3)).train()
    model[2].eval()
    before, state = [module.training for module in model.modules()], torch.random.get_rng_state()

    def fail() -> None:
        with undisturbed(model, torch.device("cpu")):
            assert not any(module.training for module in model.modules())
            torch.rand(3)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [module.training for module in model.modules()] == before
    assert torch.equal(torch.random.get_rng_state(), state)


class Odd(nn.Linear):
    """A layer whose ``train`` takes no mode."""

    def train(self):
        return self


def test_parts_that_cannot_be_told_keep_no_other_from_being_evaluated() -> None:
    exported = torch.export.export(nn.Linear(3, 3), (torch.rand(2, 3),)).module()
    for part in (exported, Odd(3, 3)):
        model = nn.Sequential(part, nn.Dropout())
        model[1].training = True
        with undisturbed(model, torch.device("cpu")):
            assert not model[1].training
        assert model[1].training


class _Full(torch.autograd.Function):
    """The identity, for whose gradient there is no memory."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 MiB")


class Crowded(nn.Linear):
    """A layer for which there is no memory: always, where gradients are kept, or on the way back."""

    when = "always"

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.when == "always" or (self.when == "kept" and torch.is_grad_enabled()):
            raise RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR")
        found = super().forward(values)
        return _Full.apply(found) if self.when == "back" else found


@pytest.mark.parametrize("when", ["always", "kept", "back"])
def test_a_lack_of_memory_tells_nothing_of_the_model(when: str) -> None:
    model = Crowded(4, 3)
    model.when = when
    classifier, rows = Classifier(model, torch.Size([4])), torch.rand(2, 4)

    def work() -> None:
        classifier.checked(rows)
        _, tape = classifier.evaluate(rows)
        classifier.pullback(tape, torch.ones(2, 3))

    with pytest.raises(RuntimeError, match=r"out of memory|CUDNN_STATUS") as seen:
        work()
    assert not isinstance(seen.value, InputError)
    assert classifier.differentiable
