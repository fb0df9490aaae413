from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.errors import InputError
from blindspots.results import Results
from blindspots.results.one_image import _misreaders, image_table, one_image


@pytest.mark.parametrize("rule", ["nearest", "random"])
def test_an_image_is_what_its_sets_and_networks_say(tiny_root: Path, rule: str) -> None:
    with Results(tiny_root) as results:
        found = results.group(f"sets/fc20-10/seed-0/train/{rule}")
        example = int(found.example[7])
        one = one_image(results, example, rule=rule)
        assert (one.split, one.label) == ("train", int(found.label[7]))
        assert [moved.model for moved in one.moved] == ["fc10", "fc20-10"]
        moved = one.moved[1]
        assert moved.distortion == float(found.distortion[7])
        assert moved.lower_bound == float(found.lower_bound[7])
        np.testing.assert_array_equal(moved.perturbation, found.perturbation[7])
        for name in ("fc10", "fc20-10"):
            network = results.network(name)
            images = torch.from_numpy(np.stack([one.original, one.original + moved.perturbation]))
            with torch.inference_mode():
                clean, distorted = network(images).argmax(dim=1).tolist()
            assert moved.reads[name] == distorted
            assert one.reads[name] == clean


def test_it_is_told_in_a_table(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        found = results.group("sets/fc10/seed-0/train/nearest")
        right = np.flatnonzero(found.clean_predicted == found.label)[0]
        one = one_image(results, int(found.example[right]))
        table = image_table(one)
    assert table.model.values.tolist() == ["fc10", "fc20-10"]
    read = int(found.predicted[right])
    assert str(table.misread_by.values[0]) in (f"fc10 as {read}", f"all 2 models as {read}") or (
        f"fc10 as {read}; fc20-10 as " in str(table.misread_by.values[0])
    )
    assert int(table.fooled[0]) == sum(read != one.label for read in one.moved[0].reads.values())
    assert table.distortion_low.values[0] == pytest.approx(float(found.exact[right]), rel=1e-5)


@pytest.mark.parametrize(
    ("reads", "said"),
    [
        ({"a": 1, "b": 1}, "nobody"),
        ({"a": 3, "b": 5, "c": 3, "d": 1}, "a, c as 3; b as 5"),
        ({"a": 3, "b": 3}, "all 2 models as 3"),
        ({"a": 3, "b": 5}, "a as 3; b as 5"),
        ({"a": 3}, "a as 3"),
    ],
)
def test_who_misreads_it_is_said_by_class(reads: dict[str, int], said: str) -> None:
    assert _misreaders(reads, 1) == said


def test_an_image_that_no_set_has_is_said(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        held = set(results.group("sets/fc10/seed-0/train/nearest").example.values.tolist())
        other = next(number for number in range(100) if number not in held)
        with pytest.raises(InputError, match=f"no set of the split train has image {other}; they have"):
            one_image(results, other)
        with pytest.raises(InputError, match="the study tiny has no sets of the split 'test'"):
            one_image(results, 0, split="test")
