"""Which path does the rows' work."""

import pytest
import torch

from blindspots import InputError, minimum_distortion
from blindspots.distortion.projection.half_space import project
from blindspots.distortion.projection.torch_projection import TorchRounds
from blindspots.distortion.row_work import row_work


@pytest.mark.parametrize("path", ["fast", None])
def test_a_path_there_is_none_of(linear, path):
    with pytest.raises(InputError, match="give one of auto, fused, torch"):
        minimum_distortion(linear.model, linear.images, linear.labels, path=path)


def test_kernels_are_for_a_cpu():
    assert row_work("torch", torch.device("cpu")).project is project
    assert row_work("auto", torch.device("cpu")).project is not project
    assert isinstance(row_work("auto", torch.device("cuda")).rounds, TorchRounds)
    with pytest.raises(InputError, match="the fused path is for CPUs, the images are on cuda"):
        row_work("fused", torch.device("cuda"))
