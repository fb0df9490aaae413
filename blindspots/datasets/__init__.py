"""Images in [0, 1] with integer labels: those that have a name, fetched and verified, and one's own."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.datasets.archive import ARCHIVES
    from blindspots.datasets.class_names import class_label
    from blindspots.datasets.dataset import Dataset
    from blindspots.datasets.in_memory import ArrayDataset
    from blindspots.datasets.labelled import LabelledSplits
    from blindspots.datasets.loading import load_dataset
    from blindspots.datasets.pictures.dataset import PictureDataset
    from blindspots.datasets.splits import balanced_order, halves
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "ARCHIVES": "blindspots.datasets.archive",
            "ArrayDataset": "blindspots.datasets.in_memory",
            "Dataset": "blindspots.datasets.dataset",
            "LabelledSplits": "blindspots.datasets.labelled",
            "PictureDataset": "blindspots.datasets.pictures.dataset",
            "balanced_order": "blindspots.datasets.splits",
            "class_label": "blindspots.datasets.class_names",
            "halves": "blindspots.datasets.splits",
            "load_dataset": "blindspots.datasets.loading",
        },
    )

__all__ = [
    "ARCHIVES",
    "ArrayDataset",
    "Dataset",
    "LabelledSplits",
    "PictureDataset",
    "balanced_order",
    "class_label",
    "halves",
    "load_dataset",
]
