from pathlib import Path

import pytest
import torch

from blindspots.errors import InputError
from blindspots.results import Results, load_dataset, load_model


def test_a_model_and_its_data_in_one_line_each(tiny_root: Path) -> None:
    model, dataset = load_model(tiny_root, "fc20-10"), load_dataset(tiny_root)
    with Results(tiny_root) as results:
        found = results.group("predictions/clean/seed-0/test/none")["plain-by-fc20-10"].values[:50]
    ids = dataset.order("test", 0)[:50]
    with torch.inference_mode():
        assert model(dataset.images("test", ids)).argmax(dim=1).tolist() == found.tolist()
    assert dataset.name == "mnist"


def test_what_is_not_there_is_said(tiny_root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are: fc10, fc20-10"):
        load_model(tiny_root, "none")
    with pytest.raises(InputError, match="there is no study in"):
        load_dataset(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        load_dataset(tiny_root, data=tmp_path / "none")
