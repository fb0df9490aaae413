"""Answers as files: for reading, for spreadsheets, and whole for other programs."""

from importlib.util import find_spec

import xarray as xr

from blindspots.errors import InputError
from blindspots.tables.answers.rendering import render_answer
from blindspots.tables.answers.sheet import answer_frame

_TEXTS = {
    ".txt": "text",
    ".md": "markdown",
    ".csv": "csv",
    ".tex": "latex",
    ".json": "json",
}
PARQUET, NETCDF = ".parquet", ".nc"
SUFFIXES = (*_TEXTS, PARQUET, NETCDF)
"""The kinds of file."""


def check_suffix(suffix: str) -> None:
    """Raise :class:`InputError` for a kind of file that there is not, or that needs a library that is not there."""
    if suffix not in SUFFIXES:
        raise InputError(f"no answer is written as {suffix or 'a file without a suffix'}; take {', '.join(SUFFIXES)}")
    if suffix == PARQUET and find_spec("pyarrow") is None:
        raise InputError("a Parquet file needs PyArrow: pip install 'blindspots[parquet]'")


def answer_file(answer: xr.Dataset, suffix: str) -> bytes:
    """Return the content of a file of the kind ``suffix``: a row a cell, or in NetCDF the dataset as it is.

    Raises :class:`InputError` as :func:`check_suffix` does.
    """
    check_suffix(suffix)
    if suffix == NETCDF:
        return bytes(answer.to_netcdf(engine="scipy"))
    if suffix == PARQUET:
        return bytes(answer_frame(answer).to_parquet(index=False))
    return (render_answer(answer, _TEXTS[suffix]).rstrip("\n") + "\n").encode()
