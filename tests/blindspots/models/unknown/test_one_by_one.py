"""A model that reads no image for itself is refused, in one line, before any work."""

import pytest
import torch
from torch import nn

from blindspots import InputError, minimum_distortion
from blindspots.models import Classifier
from blindspots.models.unknown.called import as_module
from blindspots.models.unknown.one_by_one import check_one_by_one

IMAGES = torch.rand(6, 12, generator=torch.Generator().manual_seed(0))


class Through(nn.Module):
    """A linear layer behind some function of the whole batch."""

    def __init__(self, function, shape=(12,)):
        super().__init__()
        self.function, self.shape = function, shape
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.last = nn.Linear(12, 3)

    def forward(self, images):
        return self.last(self.function(images.reshape(-1, *self.shape)).reshape(-1, 12))


def refused(model):
    with pytest.raises(InputError) as caught:
        minimum_distortion(model, IMAGES, torch.zeros(6, dtype=torch.int64))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_batch_statistics_are_named():
    assert "mixes the images of a batch" in refused(Through(nn.BatchNorm2d(3, track_running_stats=False), (3, 2, 2)))
    assert "mixes the images of a batch" in refused(Through(lambda images: images - images.mean(0)))
    assert "refuses one of 1 image" in refused(Through(nn.BatchNorm1d(12, track_running_stats=False)))


def test_a_fixed_size_of_the_batch_is_named():
    assert "must take batches of any size" in refused(Through(lambda images: images.reshape(6, 12)))


def test_a_missing_attribute_is_named():
    class Unfinished(nn.Module):
        def forward(self, images):
            return self.head(images)

    assert "'Unfinished' object has no attribute 'head'" in refused(Unfinished())


def test_chance_is_named():
    assert "draws random numbers" in refused(Through(lambda images: images + torch.randn_like(images)))


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_model_that_is_finite_near_the_images_alone_is_taken(count):
    images = 0.7 + 0.3 * IMAGES[:count]

    def logits(rows):
        return torch.stack([0 * rows[:, 0], torch.log(rows.amin(dim=1) - 0.6)], dim=1)

    model = as_module(logits)
    assert logits(1 - images).isnan().any()
    classifier = Classifier(model, images.shape[1:])
    check_one_by_one(classifier, images, classifier.checked(images))
    mixing = Classifier(as_module(lambda rows: logits(rows) + rows.mean()), images.shape[1:])
    with pytest.raises(InputError, match="mixes the images of a batch"):
        check_one_by_one(mixing, images, mixing.checked(images))


def test_what_reads_each_image_for_itself_passes_alone_and_in_a_batch():
    model = Through(nn.BatchNorm1d(12)).eval()
    for images in (IMAGES, IMAGES[:1]):
        classifier = Classifier(model, IMAGES.shape[1:])
        check_one_by_one(classifier, images, classifier.checked(images))
