"""Tables out of a store: the paper's with ours beside them, and some that the paper has not.

:data:`TABLES` has them by name; anyone may add one.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.tables.drawing import draw_table, read_table
    from blindspots.tables.registry import TABLES, Table, drawn_for, tables_for
    from blindspots.tables.sheet import FORMATS, Sheet, check_format
    from blindspots.tables.sheets.formats import render
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "FORMATS": "blindspots.tables.sheet",
            "TABLES": "blindspots.tables.registry",
            "Sheet": "blindspots.tables.sheet",
            "Table": "blindspots.tables.registry",
            "check_format": "blindspots.tables.sheet",
            "draw_table": "blindspots.tables.drawing",
            "drawn_for": "blindspots.tables.registry",
            "read_table": "blindspots.tables.drawing",
            "render": "blindspots.tables.sheets.formats",
            "tables_for": "blindspots.tables.registry",
        },
    )

__all__ = [
    "FORMATS",
    "TABLES",
    "Sheet",
    "Table",
    "check_format",
    "draw_table",
    "drawn_for",
    "read_table",
    "render",
    "tables_for",
]
