"""Classes that a model masks, with logits of -infinity: they are never read, and the others are searched as ever."""

import pytest
import torch
from torch import nn

from blindspots import InputError, minimum_distortion


class Masked(nn.Module):
    """A small network, some of whose classes are masked; or all but the three strongest."""

    def __init__(self, masked, *, how="fill", seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.inner = nn.Sequential(nn.Flatten(), nn.Linear(25, 16), nn.Tanh(), nn.Linear(16, 6))
        self.how = how
        self.register_buffer(
            "masked", torch.zeros(6, dtype=torch.bool).index_fill(0, torch.tensor(masked, dtype=torch.int64), True)
        )

    def forward(self, images):
        logits = self.inner(images)
        if self.how == "top":
            return torch.where(logits >= logits.topk(3, dim=1).values[:, 2:], logits, -torch.inf)
        logits = logits.masked_fill(self.masked, -torch.inf)
        return logits.log_softmax(dim=1) if self.how == "log" else logits


def images(count=12):
    return torch.rand(count, 1, 5, 5, generator=torch.Generator().manual_seed(1))


def without(model, classes):
    """The same network with the unmasked classes alone."""
    last = model.inner[-1]
    fewer = nn.Linear(16, len(classes))
    fewer.load_state_dict({"weight": last.weight[classes], "bias": last.bias[classes]})
    return nn.Sequential(*model.inner[:-1], fewer)


@pytest.mark.parametrize("effort", ["fast", "usual"])
@pytest.mark.parametrize("how", ["fill", "log"])
def test_what_is_found_is_what_is_found_without_the_masked_classes(how, effort):
    model, shown = Masked([1, 4], how=how), images()
    kept = torch.tensor([0, 2, 3, 5])
    labels = model(shown).argmax(1)
    found = minimum_distortion(model, shown, labels, effort=effort)
    fewer = without(model, kept)
    least = minimum_distortion(fewer, shown, fewer(shown).argmax(1), effort=effort)
    assert found.success.all()
    assert torch.equal(model(found.images).argmax(1), found.predicted)
    assert not torch.isin(found.predicted, torch.tensor([1, 4])).any()
    torch.testing.assert_close(found.distortion, least.distortion, rtol=2e-3, atol=0)


@pytest.mark.parametrize("method", ["auto", "lbfgs", "projection"])
def test_a_masked_class_is_not_reached(method):
    model, shown = Masked([1]), images(3)
    found = minimum_distortion(model, shown, model(shown).argmax(1), rule=1, method=method)
    assert not found.success.any()
    assert found.reasons[0] == "the search found no image in the box that is read so; there may be none"
    assert torch.equal(found.images, shown)


def test_classes_that_are_masked_here_and_there_are_found():
    top, plain, shown = Masked([], how="top"), Masked([]), images()
    labels = plain(shown).argmax(1)
    found, least = (minimum_distortion(model, shown, labels) for model in (top, plain))
    assert torch.equal(top(found.images).argmax(1), found.predicted)
    torch.testing.assert_close(found.distortion, least.distortion, rtol=2e-3, atol=0)


def test_one_class_alone_cannot_be_misread():
    model, shown = Masked([0, 1, 2, 3, 5]), images(3)
    found = minimum_distortion(model, shown, model(shown).argmax(1), effort="fast")
    assert not found.success.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_linear_model_whose_bias_masks_is_near_its_exact_least(dtype):
    model = nn.Sequential(nn.Flatten(), nn.Linear(25, 5)).to(dtype)
    generator = torch.Generator().manual_seed(2)
    model[1].load_state_dict({"weight": torch.randn(5, 25, generator=generator), "bias": torch.zeros(5)})
    kept = torch.tensor([0, 1, 3, 4])
    fewer = nn.Sequential(nn.Flatten(), nn.Linear(25, 4)).to(dtype)
    fewer[1].load_state_dict({"weight": model[1].weight[kept], "bias": model[1].bias[kept]})
    model[1].bias.data[2] = -torch.inf
    shown = images().to(dtype)
    found = minimum_distortion(model, shown, model(shown).argmax(1))
    exact = minimum_distortion(fewer, shown, fewer(shown).argmax(1)).exact
    assert found.success.all()
    assert (found.distortion <= 1.001 * exact).all()
    assert not (found.lower_bound > exact).any()


@pytest.mark.parametrize("wrong", [torch.inf, torch.nan])
def test_other_logits_that_are_not_finite_are_refused(wrong):
    model, shown = Masked([1]), images(3)
    model.inner[-1].bias.data[0] = wrong
    with pytest.raises(InputError, match="NaN or infinity for image 0"):
        minimum_distortion(model, shown, torch.zeros(3, dtype=torch.int64))


def test_nothing_but_masked_classes_is_refused():
    model, shown = Masked([0, 1, 2, 3, 4, 5]), images(3)
    with pytest.raises(InputError, match="NaN or infinity for image 0"):
        minimum_distortion(model, shown, torch.zeros(3, dtype=torch.int64))
