import pytest
import torch

from blindspots.training.weight_vector import split


def test_a_vector_is_split_into_views_of_its_layers() -> None:
    vector = torch.arange(17.0)
    (weight, bias), (last, last_bias) = split(vector, [(3, 2), (2, 3)])
    assert weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert bias.tolist() == [6, 7, 8]
    assert last.tolist() == [[9, 10, 11], [12, 13, 14]]
    last_bias += 1
    assert vector[15:].tolist() == [16, 17]
    with pytest.raises(ValueError, match="17 weights do not fit layers that have 9"):
        split(vector, [(3, 2)])
