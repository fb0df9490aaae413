"""Networks by name: known ones, those that installed packages offer, and functions of packages that a run allows.

A name may come out of a form or a file, and must not call just anything that can be imported. So a function
``package.module:function`` is called only where whoever starts the run has named its package, or where the function
itself was named on the command line.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from torch import nn

from blindspots.errors import InputError
from blindspots.networks.known import NETWORKS, PACKAGES

GROUP = "blindspots.networks"
"""The group of entry points under which a package offers networks: functions without arguments, by name."""


def named_network(name: str, *, classes: int, packages: Sequence[str] = ()) -> nn.Module:
    """Return the network called ``name``; its weights are yet to be set.

    ``name``: one of :data:`~blindspots.networks.known.NETWORKS`, which is made for ``classes``; a name under which an
    installed package offers a function, or ``package.module:function`` of one of the ``packages``: functions without
    arguments that return a :class:`torch.nn.Module`.

    Raises :class:`InputError` for another name, a package that is not among ``packages``, and a function that fails or
    returns something else.
    """
    if name in NETWORKS:
        network: nn.Module = NETWORKS[name].make(classes)
        return network
    address = offered_networks().get(name, name)
    if address == name:
        check_allowed(name, packages)
    return called_network(address)


def check_allowed(name: str, packages: Sequence[str] = ()) -> None:
    """Raise :class:`InputError` unless ``name`` is a network's that may be made where ``packages`` are allowed."""
    if name in NETWORKS or name in offered_networks():
        return
    where, _ = _module_and_function(name)
    if not any(where == package or where.startswith(f"{package}.") for package in packages):
        raise InputError(
            f"the network {name} is of a package that this run does not allow, since its code would be run; "
            f"if you trust it, allow it with: --networks {where.partition('.')[0]}, or in {PACKAGES}"
        )


def network_address(name: str) -> str:
    """Return the function ``package.module:function`` that makes the network called ``name``, or that it is itself.

    Raises :class:`InputError` for a name that is neither.
    """
    address = offered_networks().get(name, name)
    _module_and_function(address)
    return address


def offered_networks() -> dict[str, str]:
    """Return the functions that installed packages offer, as ``package.module:function``, by name."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def _module_and_function(address: str) -> tuple[str, str]:
    where, _, what = address.partition(":")
    if not (where and what):
        raise InputError(f"no network is called {address!r}; there are {network_names()}, and yours as {_FUNCTION}")
    return where, what


def network_names() -> str:
    """Return the names that there are, known and offered, as text."""
    return ", ".join([*NETWORKS, *offered_networks()])


def called_network(address: str) -> nn.Module:
    """Return what the function ``package.module:function`` returns, looked for in the current folder too.

    Its code is run, whatever its package. Raises :class:`InputError` where that fails, or returns no network.
    """
    where, what = _module_and_function(address)
    try:
        with _current_folder():
            network = getattr(importlib.import_module(where), what)()
    except Exception as error:  # of code that is not ours
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"the network {address} cannot be made: {type(error).__name__}: {reason}") from error
    if not isinstance(network, nn.Module):
        raise InputError(f"{address} returned one {type(network).__name__}; it must return a torch.nn.Module")
    return network


_FUNCTION = "package.module:function"


@contextmanager
def _current_folder() -> Iterator[None]:
    """Look for modules in the current folder too, as ``python`` does and a console script does not."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
