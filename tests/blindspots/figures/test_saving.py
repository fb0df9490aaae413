"""Figures as files."""

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
