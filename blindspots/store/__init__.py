"""A store: its layout, the place where its bytes lie, its arrays, receipts and weights."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.store.arrays import CorruptShardError, Variable
    from blindspots.store.place import Place
    from blindspots.store.receipts import Receipt, library_versions, read_receipt
    from blindspots.store.weights import load_weights, save_weights
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "CorruptShardError": "blindspots.store.arrays",
            "Place": "blindspots.store.place",
            "Receipt": "blindspots.store.receipts",
            "Variable": "blindspots.store.arrays",
            "library_versions": "blindspots.store.receipts",
            "load_weights": "blindspots.store.weights",
            "read_receipt": "blindspots.store.receipts",
            "save_weights": "blindspots.store.weights",
        },
    )

__all__ = [
    "CorruptShardError",
    "Place",
    "Receipt",
    "Variable",
    "library_versions",
    "load_weights",
    "read_receipt",
    "save_weights",
]
