"""Public names of a package that are imported when they are first asked for, so that importing the package is light.

A package says its names twice, and a test holds the two together: once for people and type checkers, under
``if TYPE_CHECKING``, and once for :func:`exported`::

    if TYPE_CHECKING:
        from blindspots.distortion.search import minimum_distortion
    else:
        __getattr__, __dir__ = exported(__name__, {"minimum_distortion": "blindspots.distortion.search"})

    __all__ = ["minimum_distortion"]
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exported(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of ``package`` (PEP 562): ``names`` tells each name's module.

    No name may be that of a module or folder right below the package: importing that would put the module in its place.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(names[name]), name)

    return get, lambda: sorted(names)
