"""Models that keep their gradients back, write to their input, or are no modules: found all the same, and said."""

import warnings

import pytest
import torch
from torch import nn

from blindspots import distances_to_all, minimum_distortion
from tests.spoilt import Spoilt

IMAGES = torch.rand(6, 10, generator=torch.Generator().manual_seed(0))


def network():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 4)).requires_grad_(False)


LAYERS = network()
LABELS = LAYERS(IMAGES).argmax(1)
PLAIN = minimum_distortion(LAYERS, IMAGES, LABELS)


def without_graph(images):
    with torch.no_grad():
        return LAYERS(images)


def quantised(images):
    return LAYERS((images * 255).long().float() / 255)


def by_numpy(images):
    return torch.from_numpy(LAYERS(torch.from_numpy(images.numpy())).numpy())


@pytest.mark.parametrize("model", [without_graph, quantised, by_numpy])
@pytest.mark.parametrize("rule", ["nearest", "second"])
def test_differences_find_what_gradients_do_and_are_named(model, rule):
    with pytest.warns(UserWarning, match="no gradient"):
        found = minimum_distortion(model, IMAGES, LABELS, rule=rule)
    plain = PLAIN if rule == "nearest" else minimum_distortion(LAYERS, IMAGES, LABELS, rule=rule)
    assert torch.equal(found.success, plain.success)
    assert all(name.endswith("by differences") for name in found.found_by if name)
    assert len(found.warnings) == 2
    slack = 1.01 if model is not quantised else 1.6  # a level is 1/255 wide
    assert (found.distortion <= slack * plain.distortion).all()


def test_hard_labels_are_reached_by_lines_and_decisions():
    def model(images):
        return nn.functional.one_hot(LAYERS(images).argmax(1), 4).float()

    with pytest.warns(UserWarning, match="no gradient, or one of zero, at 6 of 6 images"):
        found = minimum_distortion(model, IMAGES, LABELS)
    assert found.success.all()
    assert set(found.found_by) <= {"decisions", "straight line"}
    assert (found.distortion <= 2 * PLAIN.distortion).all()
    with pytest.warns(UserWarning, match="no gradient"):
        alone = minimum_distortion(model, IMAGES[:1], LABELS[:1])  # no other image in the batch to begin from
    assert alone.success.all()


@pytest.mark.parametrize("factor", [torch.nan, torch.inf, 1e30])
def test_where_a_gradient_is_no_number_or_far_too_large_differences_take_its_place(factor):
    with pytest.warns(UserWarning, match="differences take their place"):
        found = minimum_distortion(lambda images: LAYERS(Spoilt.apply(images, factor)), IMAGES, LABELS)
    assert (found.distortion <= 1.01 * PLAIN.distortion).all()


@pytest.mark.parametrize("factor", [1e30, 1e37, 1e-25])
def test_logits_whose_squares_are_no_numbers_are_searched_as_others(factor):
    last = nn.Linear(12, 4)
    last.weight.data, last.bias.data = factor * LAYERS[2].weight, factor * LAYERS[2].bias
    module = nn.Sequential(*LAYERS[:2], last).requires_grad_(False)
    for model in (module, lambda images: factor * LAYERS(images)):
        found = minimum_distortion(model, IMAGES, LABELS)
        assert found.success.all()
        assert not found.warnings
        assert (found.distortion <= 1.01 * PLAIN.distortion).all()


def test_of_huge_logits_that_hardly_differ_none_is_given_up():
    """A million on every logit leaves them sixteen steps, and the margin for rounding is as wide as they all are."""

    def model(images):
        return LAYERS(images) + 1e6

    labels = model(IMAGES).argmax(1)
    found = minimum_distortion(model, IMAGES, labels)
    assert found.success.all()
    assert (model(found.images).argmax(1) != labels).all()


def test_a_model_of_a_sum_whose_gradient_is_one_number_seen_as_many():
    def model(images):
        lead = torch.sin(40 * images.sum(1))
        return torch.stack([torch.zeros_like(lead), lead], 1)

    labels = model(IMAGES).argmax(1)
    found = minimum_distortion(model, IMAGES, labels)
    least = (IMAGES.sum(1) * 40 / torch.pi % 1 - 0.5).abs()  # of a half wave, from its middle
    assert (found.l2 <= 1.01 * (0.5 - least) * torch.pi / 40 / 10**0.5 + 1e-5).all()


def test_saturated_probabilities_are_read_by_their_logarithms():
    found = minimum_distortion(lambda images: torch.softmax(150 * LAYERS(images), 1), IMAGES, LABELS)
    assert (found.distortion <= 1.01 * PLAIN.distortion).all()
    assert not found.warnings


def test_an_infinite_gradient_at_black_pixels_is_said():
    images = IMAGES.clone()
    images[:, :2] = 0
    with pytest.warns(UserWarning, match="infinite or not a number at 6 of 6"):
        found = minimum_distortion(lambda images: LAYERS(images.sqrt()), images, LAYERS(images.sqrt()).argmax(1))
    assert found.success.all()


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.ReLU(inplace=True), *LAYERS),
        lambda images: LAYERS(images.mul_(2).div_(2)),
        lambda images: (LAYERS(images.clone()), images.zero_())[0],
    ],
)
def test_a_model_that_writes_to_its_input_leaves_the_callers_as_it_was(model):
    images = IMAGES.clone()
    for rule in ("nearest", 1):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = minimum_distortion(model, images, LABELS, rule=rule)
        assert torch.equal(images, IMAGES)
        if rule == "nearest":
            torch.testing.assert_close(found.distortion, PLAIN.distortion, rtol=1e-3, atol=0)


def test_exported_compiled_and_scripted_modules_are_models():
    dynamic = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(network(), (IMAGES,), dynamic_shapes=dynamic)
    compiled = torch.compile(LAYERS, backend="eager")
    frozen = torch.jit.freeze(torch.jit.script(network().eval()))
    for model in (exported, exported.module(), compiled, frozen):
        torch.testing.assert_close(
            minimum_distortion(model, IMAGES, LABELS).distortion, PLAIN.distortion, rtol=1e-3, atol=0
        )
    assert distances_to_all(lambda images: LAYERS(images), IMAGES[:2], LABELS[:2]).shape == (2, 4)


def test_how_each_image_was_found_is_said():
    wrong = LABELS.clone()
    wrong[0] = (wrong[0] + 1) % 4
    found = minimum_distortion(LAYERS, IMAGES, wrong)
    assert found.found_by[0] == "clean"
    assert set(found.found_by[1:]) <= {"projection", "refinement", "lbfgs", "cuts"}
    own = minimum_distortion(LAYERS, IMAGES, LABELS, rule=int(LABELS[0]))
    assert own.found_by[0] == ""


def test_a_method_that_fails_where_another_image_of_the_batch_is_read_so_says_which():
    class Cliff(nn.Module):
        def forward(self, images):
            return torch.stack([torch.full_like(images[:, 0], 0.5), (images[:, 0] > 0.9).float()], 1)

    images = torch.tensor([[0.2, 0.3], [1.0, 0.3]])
    with pytest.warns(UserWarning, match="no gradient"):
        found = minimum_distortion(Cliff(), images, torch.tensor([0, 1]), method="lbfgs")
    assert not found.success[0]
    assert found.reasons[0] == "the method found no image that is read so, though image 1 of the batch is"


@pytest.mark.parametrize("levels", [3, 7])
def test_steps_are_crossed_on_lines_to_other_pictures(levels):
    """Differences over one length see some steps of rounded pixels: what is found was up to twice as far."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        weight = torch.randn(10, 4)

    def rounded(images):
        return ((images * levels).round() / levels) @ weight

    labels = rounded(IMAGES).argmax(1)
    with pytest.warns(UserWarning, match="no gradient, or one of zero"):
        found = minimum_distortion(rounded, IMAGES, labels)
    assert found.success.all()
    noise = torch.rand(200, 10, generator=torch.Generator().manual_seed(9))
    goals, ratios = torch.cat([IMAGES, torch.zeros(1, 10), torch.ones(1, 10), noise, noise.round()]), []
    for image, label, distance in zip(IMAGES, labels, found.l2, strict=True):
        shares = torch.linspace(0, 1, 2001)[:, None, None]
        line = image + shares * (goals - image)
        misread = rounded(line.flatten(0, 1)).argmax(1).view(2001, -1) != label
        ratios.append(float(distance / (line - image).norm(dim=2)[misread].min()))
    assert sum(ratios) <= 0.95 * len(ratios)  # in the mean nearer than the nearest on 400 lines; one may be farther
    assert max(ratios) <= 1.8
