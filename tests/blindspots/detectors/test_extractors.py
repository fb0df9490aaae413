"""Which extractors a study has, and what they see."""

from pathlib import Path

import pytest
import torch

from blindspots.detectors.extractors import extractor, extractor_names, of_model
from blindspots.errors import InputError
from blindspots.networks.alexnet import AlexNet
from blindspots.store.place import Place
from blindspots.store.weights import save_weights
from blindspots.study.file import validate_study
from tests.small_quocnet import SIZE, small_pictures, small_study, with_detector


@pytest.fixture
def alexnet(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(Place.at(tmp_path), "alexnet.safetensors", AlexNet(None).state_dict(), {})
    return tmp_path / "alexnet.safetensors"


def test_pixels_are_those_that_the_quocnet_sees(tmp_path: Path) -> None:
    study = with_detector(small_study(small_pictures(tmp_path / "pictures.npz")))
    assert extractor_names(study) == ("pixels", "quocnet")
    found = extractor(study, Place.at(tmp_path), "pixels", shape=(3, 26, 24))
    seen = found.sees(torch.rand(2, 3, 26, 24))
    assert seen.shape == (2, 1, SIZE["height"], SIZE["height"])
    assert found.network(seen).shape == (2, 22 * 22)
    alone = with_detector(study.model_copy(update={"quocnet": None}))
    assert extractor_names(alone) == ("pixels",)
    images = torch.rand(2, 3, 26, 24)
    assert torch.equal(extractor(alone, Place.at(tmp_path), "pixels", shape=(3, 26, 24)).sees(images), images)
    assert extractor_names(small_study(tmp_path / "pictures.npz")) == ()


def test_the_alexnet_of_the_bounds_gives_pool5(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = AlexNet(None).eval()
    save_weights(Place.at(tmp_path), "theirs.safetensors", theirs.state_dict(), {})
    content = small_study(small_pictures(tmp_path / "pictures.npz")).model_dump(mode="json")
    content["bounds"] = {"alexnet": str(tmp_path / "theirs.safetensors")}
    study = with_detector(validate_study(content), models="all")
    assert extractor_names(study) == ("pixels", "quocnet", "fc2", "alexnet")
    images = torch.rand(2, 3, 70, 70)
    found = extractor(study, Place.at(tmp_path), "alexnet", shape=(3, 70, 70))
    with torch.no_grad():
        pool5 = theirs.avgpool(theirs.features((images - theirs.mean) / theirs.std)).flatten(1)
        torch.testing.assert_close(found.network(found.sees(images)), pool5)
    assert extractor_names(with_detector(validate_study(content), models=["fc2"])) == ("pixels", "quocnet", "fc2")
    with pytest.raises(InputError, match="no extractor is called 'alexnet'"):
        extractor(with_detector(validate_study(content)), Place.at(tmp_path), "alexnet", shape=(3, 70, 70))


def test_a_model_s_features_are_what_its_last_layer_reads() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3), torch.nn.Linear(3, 2))
    found = of_model(model)
    images = torch.rand(2, 3, 2, 2)
    torch.testing.assert_close(found.network(found.sees(images)), model[:2](images))


def test_an_alexnet_without_its_head_gives_pool5(tmp_path: Path, alexnet: Path) -> None:
    study = with_detector(
        small_study(small_pictures(tmp_path / "pictures.npz")),
        extractors=[{"name": "pool5", "weights": str(alexnet)}],
    )
    found = extractor(study, Place.at(tmp_path), "pool5", shape=(3, 70, 70))
    images = torch.rand(2, 3, 70, 70)
    torch.manual_seed(0)
    torch.testing.assert_close(found.network(found.sees(images)), AlexNet(None).eval()(images))
    with pytest.raises(InputError, match="no extractor is called 'pool4' in the study small; there are: pixels, quoc"):
        extractor(study, Place.at(tmp_path), "pool4", shape=(3, 70, 70))
    with pytest.raises(InputError, match="63 x 63"):
        extractor(study, Place.at(tmp_path), "pool5", shape=(3, 26, 24))
    alexnet.unlink()
    with pytest.raises(InputError, match="does not exist"):
        extractor(study, Place.at(tmp_path), "pool5", shape=(3, 70, 70))
