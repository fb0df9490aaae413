"""Figures as files."""

import os
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures import SUFFIXES, save_figure


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_figure_is_the_same_file_without_a_date(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        figure = Figure()
        figure.add_subplot().plot([0, 1], [1, 0])
        save_figure(figure, tmp_path / (name + suffix))
    content = (tmp_path / f"one{suffix}").read_bytes()
    assert content == (tmp_path / f"two{suffix}").read_bytes()
    assert len(content) > 1000
    assert b"CreationDate" not in content
    assert b"Software" not in content


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"written as .png or .pdf, not .*gif"):
        save_figure(Figure(), tmp_path / "x.gif")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_of_letters_that_the_font_lacks_nothing_is_said(tmp_path: Path, suffix: str) -> None:
    figure = Figure(layout="constrained")
    figure.add_subplot().set_title("a \ufffe")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / f"x{suffix}")


def test_a_pipe_takes_a_figure(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    save_figure(Figure(figsize=(1, 1)), pipe)
    assert os.read(reader, 8) == b"\x89PNG\r\n\x1a\n"
    os.close(reader)
