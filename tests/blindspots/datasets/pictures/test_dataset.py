"""Pictures as a data set: images by their ids, what it is known by, and what is refused before any work."""

from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.datasets.loading import load_dataset
from blindspots.datasets.pictures import dataset
from blindspots.datasets.pictures.dataset import PictureDataset, load_pictures
from blindspots.errors import InputError
from blindspots.study.pictures_spec import PicturesSpec
from tests.small_pictures import CLASSES, folder_of_pictures, pixels, save

WANTED = PicturesSpec(size=12, crop=0.75)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_images_and_labels_are_those_of_the_files(tmp_path: Path) -> None:
    found = load_pictures(folder_of_pictures(tmp_path / "four"), WANTED)
    assert (found.name, found.shape, found.classes, found.splits) == ("four", (3, 12, 12), 4, ("test",))
    assert found.class_names == ("tench", "ostrich", "crane", "crane")
    images = found.images("test", [4, 11])
    assert images.dtype == torch.float32
    for image, (label, index) in zip(images.numpy(), ((1, 1), (3, 2)), strict=True):
        centre = pixels(label, index)[2:14, 4:16].transpose(2, 0, 1).astype(np.float32)
        np.testing.assert_array_equal(image, centre / np.float32(255))
    assert found.labels("test", [4, 11]).tolist() == [1, 3]
    images.zero_()
    assert bool(found.images("test", [4]).any())
    with pytest.raises(InputError, match="the example 12 is not in test of four"):
        found.images("test", [12])


def test_train_and_test_have_classes_in_common(tmp_path: Path) -> None:
    folder_of_pictures(tmp_path / "train", each=2)
    folder_of_pictures(tmp_path / "val", each=1, classes=CLASSES[:2])
    found = load_pictures(tmp_path, WANTED)
    assert found.splits == ("train", "p1", "p2", "test")
    assert (len(found.ids("train")), len(found.ids("test")), found.classes) == (8, 2, 4)


def test_no_more_is_kept_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "_KEPT_BYTES", 3 * 3 * 12 * 12)
    found = load_pictures(folder_of_pictures(tmp_path), WANTED)
    whole = found.images("test")
    assert len(found._kept) == 3
    np.testing.assert_array_equal(found.images("test", [11, 0, 10]).numpy(), whole[[11, 0, 10]].numpy())


def known(folder: Path, **changes: object) -> str:
    return load_pictures(folder, WANTED.model_copy(update=changes)).sha256


def test_what_a_data_set_is_known_by(tmp_path: Path) -> None:
    first = known(folder_of_pictures(tmp_path / "a"))
    assert known(folder_of_pictures(tmp_path / "b")) == first  # wherever it lies
    assert known(tmp_path / "a", grey=True, skip_damaged=True) == first  # of which nothing came
    others = [
        known(tmp_path / "a", **each)
        for each in ({"size": 8}, {"crop": 0.5}, {"channels": 1}, {"interpolation": "bilinear"})
    ]
    (tmp_path / "b" / CLASSES[0] / "0.png").rename(tmp_path / "b" / CLASSES[0] / "9.png")
    others.append(known(tmp_path / "b"))
    save(tmp_path / "a" / CLASSES[2] / "1.png", 2, 99)
    others.append(known(tmp_path / "a"))
    assert len({first, *others}) == 7


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_a_damaged_file_is_named_or_left_out(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_of_pictures(tmp_path)
    whole = known(folder)
    bad = folder / CLASSES[1] / "1.png"
    bad.write_bytes(bad.read_bytes()[:200] if content is None else content)
    with pytest.raises(
        InputError, match=r"^n01518878_ostrich/1\.png: .*leave such files out with --skip-damaged"
    ) as error:
        load_pictures(folder, WANTED)
    assert "\n" not in str(error.value)
    skipped = WANTED.model_copy(update={"skip_damaged": True})
    found = load_pictures(folder, skipped)
    assert found.left_out == ("n01518878_ostrich/1.png",)
    assert "1 file(s)" in caplog.text
    assert "n01518878_ostrich/1.png" in caplog.text
    assert found.labels("test").tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3]
    assert found.sha256 != whole
    bad.unlink()
    assert load_pictures(folder, WANTED).sha256 == found.sha256


def test_a_stray_file_is_refused_with_the_rest_counted(tmp_path: Path) -> None:
    folder = folder_of_pictures(tmp_path)
    for index in range(4):
        (folder / f"note-{index}.txt").touch()
    with pytest.raises(InputError, match=r"note-0\.txt: lies beside .* note-2\.txt: lies beside .*; and 1 more; put"):
        load_pictures(folder, WANTED)
    assert load_pictures(folder, WANTED.model_copy(update={"skip_damaged": True})).left_out[0] == "note-0.txt"


def test_one_channel_where_three_are_wanted(tmp_path: Path) -> None:
    folder = folder_of_pictures(tmp_path)
    save(folder / CLASSES[3] / "1.png", 3, 1, mode="L")
    said = r"the picture n03126707_crane/1\.png has one channel, and three are wanted; pictures\.grey=true"
    with pytest.raises(InputError, match=said):
        load_pictures(folder, WANTED)
    thrice = load_pictures(folder, WANTED.model_copy(update={"grey": True})).images("test", [10])[0]
    assert torch.equal(thrice[0], thrice[2])
    assert load_pictures(folder, WANTED.model_copy(update={"channels": 1})).images("test").shape == (12, 1, 12, 12)


def test_what_cannot_be_a_data_set_is_refused(tmp_path: Path) -> None:
    folder = folder_of_pictures(tmp_path / "a", classes=CLASSES[:1])
    with pytest.raises(InputError, match=r"has 1 class\(es\); 2 to 32768 are wanted"):
        load_pictures(folder, WANTED)
    with pytest.raises(InputError, match=r"pictures\.size is wanted"):
        load_pictures(folder_of_pictures(tmp_path / "b"), PicturesSpec())
    table = tmp_path / "c.csv"
    table.write_text("path,label\nnowhere.png,1\n")
    with pytest.raises(InputError, match=r"^nowhere\.png: cannot be read: No such file"):
        load_pictures(table, WANTED)
    with pytest.raises(InputError, match="no picture is left of the split test"):
        load_pictures(table, WANTED.model_copy(update={"skip_damaged": True}))


def test_a_table_is_the_same_pictures(tmp_path: Path) -> None:
    folder = folder_of_pictures(tmp_path / "four", each=1)
    lines = [f"four/{name}/0.png,{label}" for label, name in enumerate(CLASSES)]
    (tmp_path / "four.csv").write_text("\n".join(["path,label", *lines]))
    found = load_dataset(str(tmp_path / "four.csv"), pictures=WANTED)
    assert isinstance(found, PictureDataset)
    assert torch.equal(found.images("test"), load_dataset(str(folder), pictures=WANTED).images("test"))
