"""What is computed on."""

import pytest
import torch

from blindspots.device import one_thread, resolved_device
from blindspots.errors import InputError


def test_one_thread_for_a_while() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="the device 'gpu' is unknown; it is cpu or cuda"):
        resolved_device("gpu")


@pytest.mark.parametrize("there", [False, True])
def test_a_device_is_chosen_by_what_is_there(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert resolved_device("cpu") == "cpu"
    assert resolved_device(None) == ("cuda" if there else "cpu")
    if there:
        assert resolved_device("cuda") == "cuda"
    else:
        with pytest.raises(InputError, match="torch finds no such device here; use cpu"):
            resolved_device("cuda")
