"""What a study says of its models together: which images, which names."""

from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.study.built_in import MNIST, QUICK
from blindspots.study.file import load_study, validate_study


def test_which_images_are_distorted_and_how_many() -> None:
    whole, half = MNIST.model("fc100-100-10"), MNIST.model("fc100-100-10-p1")
    assert (MNIST.splits(whole), MNIST.splits(half)) == (("train",), ("test",))
    assert MNIST.distorted_splits == ("train", "test")
    convolutional = MNIST.models[6]
    assert [MNIST.examples(rule, whole) for rule in ("nearest", "random")] == [None, 10_000]
    assert [MNIST.examples(rule, convolutional) for rule in ("nearest", "random")] == [10_000, 10_000]
    named = load_study("mnist", ["sets.splits=[test]", "sets.examples=500"])
    assert named.splits(whole) == named.splits(named.model("fc100-100-10-p1")) == ("test",)
    assert [named.examples(rule) for rule in ("nearest", "none")] == [500, 500]


def test_names_are_a_model_s_own() -> None:
    twice = QUICK.model_dump(mode="json")
    twice["models"] = [*twice["models"], twice["models"][0]]
    with pytest.raises(InputError, match="the model fc10-1e-4 is named twice"):
        validate_study(twice)
    for taken in ("clean", "noise-0.1"):
        kept = QUICK.model_dump(mode="json")
        kept["models"][0]["name"] = taken
        with pytest.raises(InputError, match="is kept for a reference set"):
            validate_study(kept)
    path = QUICK.model_dump(mode="json")
    path["models"][0]["name"] = "../escape"
    with pytest.raises(InputError, match="should match pattern"):
        validate_study(path)


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no model is called 'fc1' in the study quick; there are: fc10-1e-4"):
        QUICK.model("fc1")


def test_the_name_of_table_5s_network_is_kept() -> None:
    taken = QUICK.model_dump(mode="json")
    taken["models"][0]["name"] = "alexnet"
    with pytest.raises(InputError, match="the name alexnet is kept"):
        validate_study(taken)


def test_a_folder_or_a_table_is_a_data_set_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path, name in (("./My Pictures", "my-pictures"), ("a/b.csv", "b.csv"), ("/data/imagenet/", "imagenet")):
        study = load_study("quick", [f"dataset={path}", "pictures.size=32"])
        assert (study.has_pictures, study.dataset_name) == (True, name)
        assert study.dataset == str((tmp_path / path).absolute())
        assert study.pictures.size == 32
        assert validate_study(study.model_dump(mode="json")) == study
    with pytest.raises(InputError, match=r"no data set is called 'imagenet'.* a folder of pictures: \./imagenet$"):
        load_study("quick", ["dataset=imagenet"])
    for other in ("mnist", "mine.npz"):
        assert not load_study("quick", [f"dataset={other}"]).has_pictures
        with pytest.raises(InputError, match=r"size of pictures: the data set .* is none of pictures"):
            load_study("quick", [f"dataset={other}", "pictures.size=32"])


def test_a_model_cannot_be_called_as_a_file_of_the_store() -> None:
    models = [{"name": "zarr.json", "decay": [1e-2]}]
    with pytest.raises(InputError, match=r"the name zarr\.json is that of a file in the store"):
        validate_study({"name": "s", "models": models})
