"""Which files are pictures of which class: the three layouts, and what is none of them."""

import os
from pathlib import Path

import pytest

from blindspots.datasets.pictures.listing import Listing, list_pictures
from blindspots.errors import InputError


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def of(listing: Listing) -> list[tuple[str, str, str]]:
    return [(file.split, file.name, file.key) for file in listing.files]


def test_a_folder_a_class_is_the_split_test(tmp_path: Path) -> None:
    found = list_pictures(touched(tmp_path, "dog/2.jpg", "dog/1.png", "cat/x.jpg", ".hidden", "cat/.hidden"))
    assert list_pictures(touched(tmp_path, "cat/Thumbs.db", "desktop.ini", "__MACOSX/cat/._x.jpg")) == found
    assert of(found) == [("test", "cat/x.jpg", "cat"), ("test", "dog/1.png", "dog"), ("test", "dog/2.jpg", "dog")]
    assert (found.keys, found.names, found.strays) == (("cat", "dog"), ("cat", "dog"), ())
    assert found.files[0].path == tmp_path / "cat/x.jpg"


@pytest.mark.parametrize("test", ["test", "val"])
def test_splits_are_folders_with_the_same_classes(tmp_path: Path, test: str) -> None:
    found = list_pictures(
        touched(
            tmp_path, "train/dog/1.jpg", "train/eel/1.jpg", f"{test}/cat/1.jpg", f"{test}/eel/1.jpg", "train/dog/0.jpg"
        )
    )
    assert of(found) == [
        ("test", f"{test}/cat/1.jpg", "cat"),
        ("test", f"{test}/eel/1.jpg", "eel"),
        ("train", "train/dog/0.jpg", "dog"),
        ("train", "train/dog/1.jpg", "dog"),
        ("train", "train/eel/1.jpg", "eel"),
    ]
    assert found.keys == ("cat", "dog", "eel")


def test_splits_go_by_other_names_too(tmp_path: Path) -> None:
    found = list_pictures(
        touched(tmp_path, *(f"training_set/{each}/1.jpg" for each in ("cat", "dog")), "test_set/cat/2.jpg")
    )
    assert of(found) == [
        ("test", "test_set/cat/2.jpg", "cat"),
        ("train", "training_set/cat/1.jpg", "cat"),
        ("train", "training_set/dog/1.jpg", "dog"),
    ]
    assert (found.names, found.strays) == (("cat", "dog"), ())


def test_a_split_in_a_folder_of_its_own_name_again_is_looked_through(tmp_path: Path) -> None:
    found = list_pictures(
        touched(tmp_path, "seg_train/seg_train/sea/1.jpg", "seg_test/Seg_Test/sea/2.jpg", "seg_test/Seg_Test/a.txt")
    )
    assert of(found) == [
        ("test", "seg_test/Seg_Test/sea/2.jpg", "sea"),
        ("train", "seg_train/seg_train/sea/1.jpg", "sea"),
    ]
    assert found.strays == (("seg_test/Seg_Test/a.txt", "lies beside the classes' folders"),)


@pytest.mark.parametrize("name", ["images", "unknown"])
def test_a_test_without_a_class_of_train_is_refused(name: str, tmp_path: Path) -> None:
    touched(tmp_path, *(f"train/{each}/1.jpg" for each in "abcde"), f"test/{name}/1.jpg")
    said = f"no picture of the split test is of a class that those of train have: they are of {name}, and .* of a, b, c"
    with pytest.raises(InputError, match=f"{said} and 2 more$") as error:
        list_pictures(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"they are of dog, and those of train of eel$"):
        list_pictures(written(tmp_path, "path,label,split\na.png,eel,train\nb.png,dog,test\n"))


def test_flat_files_are_named_by_wnid_and_label(tmp_path: Path) -> None:
    found = list_pictures(touched(tmp_path, "n02_x.jpg", "n01518878_a_b.jpg", "n01440764_tench.JPEG", "README"))
    assert of(found) == [
        ("test", "n01440764_tench.JPEG", "n01440764"),
        ("test", "n01518878_a_b.jpg", "n01518878"),
    ]
    assert found.names == ("tench", "a b")
    assert found.strays == (("README", "is not named wnid_label"), ("n02_x.jpg", "is not named wnid_label"))


def test_a_label_that_differs_is_no_class_s_name(tmp_path: Path) -> None:
    found = list_pictures(touched(tmp_path, "n01440764_1.jpg", "n01440764_2.jpg", "n01518878_7.jpg"))
    assert found.names == ("n01440764", "7")


def test_imagenets_list_names_all_classes(tmp_path: Path) -> None:
    touched(tmp_path, "val/n02/1.jpg", "val/n03/1.jpg")
    (tmp_path / "LOC_synset_mapping.txt").write_text("n02 tench, Tinca tinca\nn01 kite\nn03 ostrich, Struthio\n")
    found = list_pictures(tmp_path)
    assert found.keys == ("n01", "n02", "n03")
    assert found.names == ("kite", "tench, Tinca tinca", "ostrich, Struthio")
    assert found.strays == ()
    with pytest.raises(InputError, match="its list of classes lacks n04, of which there are pictures"):
        list_pictures(touched(tmp_path, "val/n04/1.jpg"))


def test_a_class_s_pictures_lie_in_folders_below_its_own_too(tmp_path: Path) -> None:
    found = list_pictures(
        touched(tmp_path, "dog/1.jpg", "dog/b/c/3.jpg", "dog/b/2.jpg", "dog/.no/4.jpg", "cat/a/1.jpg")
    )
    assert of(found) == [
        ("test", "cat/a/1.jpg", "cat"),
        ("test", "dog/1.jpg", "dog"),
        ("test", "dog/b/2.jpg", "dog"),
        ("test", "dog/b/c/3.jpg", "dog"),
    ]
    assert found.strays == ()


def test_what_lies_elsewhere_is_a_stray(tmp_path: Path) -> None:
    found = list_pictures(touched(tmp_path, "val/dog/1.jpg", "val/note.txt", "other/1.jpg"))
    assert len(found.files) == 1
    assert found.strays == (
        ("val/note.txt", "lies beside the classes' folders"),
        ("other", "is in no split"),
    )


def written(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8-sig")
    return folder / "table.csv"


def test_a_table_names_paths_beside_it(tmp_path: Path) -> None:
    found = list_pictures(
        written(tmp_path, 'split,path,label\ntrain,b/1.jpg,eel\ntest,"a, b.jpg",dog\nval,/c.jpg,eel\n')
    )
    assert of(found) == [("test", "/c.jpg", "eel"), ("test", "a, b.jpg", "dog"), ("train", "b/1.jpg", "eel")]
    assert [file.path for file in found.files] == [Path("/c.jpg"), tmp_path / "a, b.jpg", tmp_path / "b/1.jpg"]
    assert found.names == ("dog", "eel")


def test_a_table_s_numbers_are_labels(tmp_path: Path) -> None:
    found = list_pictures(written(tmp_path, "path,label\na.jpg,3\nb.jpg,01\n"))
    assert found.keys == found.names == ("0", "1", "2", "3")
    assert [file.key for file in found.files] == ["3", "1"]


def test_a_table_s_numbers_are_labels_as_pandas_writes_them_too(tmp_path: Path) -> None:
    found = list_pictures(written(tmp_path, "path,label\na.png,0.0\nb.png,2.0\nc.png,10.0\nd.png,1\n"))
    assert found.names == tuple(map(str, range(11)))
    assert [file.key for file in found.files] == ["0", "2", "10", "1"]
    texts = list_pictures(written(tmp_path, "path,label\na.png,1.5\nb.png,v2.0\n"))
    assert texts.names == ("1.5", "v2.0")


@pytest.mark.parametrize(
    "text",
    [
        "Filename,Class\na.jpg,cat\nb.jpg,dog\n",
        ",image_path,category,height\n0,a.jpg,cat,3\n1,b.jpg,dog,3\n",
        "class,filepaths,label,data set\n7,a.jpg,cat,VALID\n8,b.jpg,dog,test\n",
    ],
)
def test_columns_go_by_other_names_too_and_those_left_aside_are_said(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = list_pictures(written(tmp_path, text))
    assert of(found) == [("test", "a.jpg", "cat"), ("test", "b.jpg", "dog")]
    assert bool(caplog.messages) == (text[0] != "F")
    assert all("are not looked at" in message for message in caplog.messages)


def test_of_val_and_test_the_one_with_classes_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = list_pictures(touched(tmp_path, "Train/a/1.jpg", "valid/a/2.jpg", "valid/b/3.jpg", "test/4.jpg"))
    names = [(split, name) for split, name, _ in of(found)]
    assert names == [("test", "valid/a/2.jpg"), ("test", "valid/b/3.jpg"), ("train", "Train/a/1.jpg")]
    assert found.strays == ()
    assert caplog.messages == [f"{tmp_path}: the pictures in test have no classes, and valid is taken"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,kind\na,b\n", "has the columns path, kind; path, label and perhaps split are wanted"),
        ("file,image,label\na,b,c\n", "has the columns file and image; one of them is to be path"),
        ("", "has the columns of none"),
        ("path,label\n", "names no picture"),
        ("path,label\na,1\nb\n", "line 3: a path and a label are wanted"),
        ("path,label\na,1,2\n", "line 2: a path and a label are wanted"),
        ("path,label\na,0\nb,99999999999\n", "the label 99999999999 is too large; numbers are labels as they are"),
        ("path,label\na,0\nb,99999999999.0\n", "the label 99999999999.0 is too large"),
        ("path,label\na,1\nb,-1\n", "the label -1 is no integer from 0 on; numbers are labels as they are"),
        ("path,label\na,1\nb,1.5\n", "the label 1.5 is no integer"),
        ("path,label\na,1\nb,1e1\n", "the label 1e1 is no integer"),
        ("path,label\na,1\na,2\n", "names the picture a 2 times"),
        ("path,label,split\na,1,left\n", "the split 'left' is neither train nor test"),
        ("path,label,split\na,1,train\n", "has no picture of the split test"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        list_pictures(written(tmp_path, text))
    assert "\n" not in str(error.value)


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    for names, said in (
        ((), "holds neither a folder a class nor pictures that are named wnid_label"),
        (("test/a/1.jpg", "val/a/1.jpg"), "has both the folders test and val"),
        (("Training/a/1.jpg",), "has the folder train, and neither te"),
        (("train/a/1.jpg",), "has the folder train, and neither test nor val"),
    ):
        folder = tmp_path / str(len(said))
        folder.mkdir()
        with pytest.raises(InputError, match=said):
            list_pictures(touched(folder, *names))
    with pytest.raises(InputError, match=r"does not exist; name a folder of pictures, or a \.csv file"):
        list_pictures(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"nowhere\.csv cannot be read: No such file"):
        list_pictures(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="is no folder"):
        list_pictures(touched(tmp_path, "a.txt") / "a.txt")


def test_names_that_cannot_be_shown_are_shown_otherwise(tmp_path: Path) -> None:
    found = list_pictures(touched(tmp_path, "a\x1bb/1.jpg", f"{os.fsdecode(b'c' + bytes([255]))}/1.jpg"))
    assert found.names == ("a?b", "c?")
