"""Which extractors a study has, and what they see."""

from pathlib import Path

import pytest
import torch

from blindspots.detectors.extractors import extractor, extractor_names
from blindspots.errors import InputError
from blindspots.networks.alexnet import AlexNet
from blindspots.store.place import Place
from blindspots.store.weights import save_weights
from tests.small_quocnet import SIZE, small_pictures, small_study, with_detector


@pytest.fixture
def alexnet(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(Place(tmp_path), "alexnet.safetensors", AlexNet(None).state_dict(), {})
    return tmp_path / "alexnet.safetensors"


def test_pixels_are_those_that_the_quocnet_sees(tmp_path: Path) -> None:
    study = with_detector(small_study(small_pictures(tmp_path / "pictures.npz")))
    assert extractor_names(study) == ("pixels", "quocnet")
    found = extractor(study, Place(tmp_path), "pixels", shape=(3, 26, 24))
    seen = found.sees(torch.rand(2, 3, 26, 24))
    assert seen.shape == (2, 1, SIZE["height"], SIZE["height"])
    assert found.network(seen).shape == (2, 22 * 22)
    alone = with_detector(study.model_copy(update={"quocnet": None}))
    assert extractor_names(alone) == ("pixels",)
    images = torch.rand(2, 3, 26, 24)
    assert torch.equal(extractor(alone, Place(tmp_path), "pixels", shape=(3, 26, 24)).sees(images), images)
    assert extractor_names(small_study(tmp_path / "pictures.npz")) == ()


def test_an_alexnet_without_its_head_gives_pool5(tmp_path: Path, alexnet: Path) -> None:
    study = with_detector(
        small_study(small_pictures(tmp_path / "pictures.npz")),
        extractors=[{"name": "pool5", "weights": str(alexnet)}],
    )
    found = extractor(study, Place(tmp_path), "pool5", shape=(3, 70, 70))
    images = torch.rand(2, 3, 70, 70)
    torch.manual_seed(0)
    torch.testing.assert_close(found.network(found.sees(images)), AlexNet(None).eval()(images))
    with pytest.raises(InputError, match="no extractor is called 'pool4' in the study small; there are: pixels, quoc"):
        extractor(study, Place(tmp_path), "pool4", shape=(3, 70, 70))
    with pytest.raises(InputError, match="63 x 63"):
        extractor(study, Place(tmp_path), "pool5", shape=(3, 26, 24))
    alexnet.unlink()
    with pytest.raises(InputError, match="does not exist"):
        extractor(study, Place(tmp_path), "pool5", shape=(3, 70, 70))
