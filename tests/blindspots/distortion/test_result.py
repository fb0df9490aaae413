"""What a search leaves: what is said of images without success, and what is proved."""

import pytest
import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion import result, strategy


def linear_model(weight, bias):
    model = nn.Linear(len(weight[0]), len(weight)).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor(weight))
        model.bias.copy_(torch.tensor(bias))
    return model


def test_why_there_is_no_success():
    # class 1 is out of reach inside the box, class 2 is the image's own
    model = linear_model([[0.0, 0.0], [1.0, 1.0], [3.0, 0.0]], [0.0, -5.0, -1.0])
    images = torch.tensor([[0.1, 0.1], [0.9, 0.5], [0.2, 0.3]], dtype=torch.float64)
    labels = torch.tensor([0, 2, 0])
    found = minimum_distortion(model, images, labels, rule=1)
    assert not found.success.any()
    assert found.reasons == dict.fromkeys(range(3), "no image in the box is read so: proved")
    own = minimum_distortion(model, images, labels, rule=2)
    assert own.success.tolist() == [True, False, True]
    assert own.reasons == {1: "the image is of the target class itself"}
    assert own.exact[1] == 0


def test_why_there_is_none_where_nothing_is_proved():
    class Constant(nn.Module):
        def forward(self, images):
            return torch.tensor([[1.0, 0.0]]).expand(len(images), 2)

    found = minimum_distortion(Constant(), torch.rand(1, 4), torch.tensor([0]))
    assert found.reasons == {0: "the search found no image in the box that is read so; there may be none"}
    assert found.exact.isnan().all()


def test_what_is_proved_to_be_there_and_was_not_found_is_said_so(monkeypatch):
    model = linear_model([[0.0, 0.0], [1.0, 0.0]], [0.0, -0.5])
    monkeypatch.setattr(strategy, "penalise", lambda *_, **how: None)  # a search that finds nothing
    image = torch.tensor([[0.2, 0.5]], dtype=torch.float64)
    found = minimum_distortion(model, image, torch.tensor([0]), rule=1, method="lbfgs")
    assert found.reasons == {0: "the method found no image that is read so, though classes tie at 0.2121: proved"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_known_answer(dtype):
    """The boundary is x = 0.5, the image at 0.2: 0.3 in one of two values, and the bound from the weights is tight."""
    model = linear_model([[0.0, 0.0], [1.0, 0.0]], [0.0, -0.5]).to(dtype)
    found = minimum_distortion(model, torch.tensor([[0.2, 0.7]], dtype=dtype), torch.tensor([0]))
    expected = 0.3 / 2**0.5
    assert float(found.exact) == pytest.approx(expected, rel=1e-6)
    assert float(found.distortion) == pytest.approx(expected, rel=1e-4)
    assert float(found.l2) == pytest.approx(0.3, rel=1e-4)
    assert found.lower_bound <= found.exact <= found.distortion
    assert float(found.lower_bound) == pytest.approx(expected, rel=1e-4)
    assert (found.predicted.item(), found.clean_predicted.item(), found.target.item()) == (1, 0, 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("effort", ["usual", "thorough"])
def test_where_a_logit_is_no_number_nothing_is_read(effort):
    def model(rows):
        return torch.stack([torch.zeros_like(rows[:, 0]), torch.log(rows[:, 0] - 0.5)], dim=1)

    images = torch.tensor([[0.9, 0.5], [0.8, 0.2]])  # NaN below 0.5, and nowhere above 0
    found = minimum_distortion(model, images, torch.zeros(2, dtype=torch.int64), effort=effort)
    assert not found.success.any()
    assert not found.perturbation.any()
    assert torch.equal(found.images, images)
    assert found.predicted.tolist() == [0, 0]
    assert found.found_by == ("", "")


def test_where_nothing_is_found_there_is_no_change():
    """Class 0 leads everywhere, but for black, where all classes tie and the first is read."""

    def model(images):
        return torch.fft.fft2(images[:, 0]).abs().flatten(1)[:, :3]

    found = minimum_distortion(model, torch.rand(3, 1, 4, 4), torch.zeros(3, dtype=torch.long))
    assert not found.success.any()
    assert not found.distortion.any()
    assert not found.perturbation.any()


def test_what_is_not_read_as_sought_in_the_end_is_no_change_either(monkeypatch):
    """A point that no step outward puts right: in another batch it was read otherwise."""
    monkeypatch.setattr(result, "moved_outward", lambda classifier, rows, points, lost, wanted: points)
    calls = [0]

    class Wavering(nn.Module):
        def forward(self, images):
            calls[0] += 1
            logits = torch.stack([images.sum(1) - 1, 1 - images.sum(1)], dim=1)
            return logits if calls[0] < last[0] else logits * torch.tensor([0.0, 1.0]) - torch.tensor([0.0, 9.0])

    images, labels, last = torch.full((2, 4), 0.5), torch.tensor([0, 0]), [10**9]
    minimum_distortion(Wavering(), images, labels, method="projection")
    last, calls = [calls[0]], [0]  # the last pass is of what is returned
    found = minimum_distortion(Wavering(), images, labels, method="projection")
    assert not found.success.any()
    assert not found.perturbation.any()
    assert torch.equal(found.images, images)
