"""Where everything lies under a root: the one place that knows the store's paths.

<root>/study.json                              the study as last run, the format and the data set
<root>/models/<model>/seed-0.safetensors       weights, with their metadata
<root>/study.zarr/                             everything else, one Zarr v3 hierarchy
<root>/receipts/<job>/<shard>.json             what is done
"""

from dataclasses import dataclass
from pathlib import Path

from blindspots.errors import InputError

FORMAT = 1
"""Version of the store's layout, raised with every change that an older or newer blindspots could misread."""


@dataclass(frozen=True)
class Layout:
    """The paths of one store."""

    root: Path

    @classmethod
    def at(cls, root: str | Path) -> "Layout":
        """Return the layout of the local folder ``root``; raise :class:`InputError` for an object store's address."""
        text = str(root)
        if "://" in text:
            raise InputError(
                f"the root {text!r} is on an object store, which is not supported yet; name a local folder"
            )
        if not text:
            raise InputError("the root is empty; name a local folder, such as blindspots-study")
        return cls(Path(text).expanduser().resolve())

    @property
    def study(self) -> Path:
        """The study as last run."""
        return self.root / "study.json"

    @property
    def lock(self) -> Path:
        """Held by the run that works in this root."""
        return self.root / "run.lock"

    @property
    def zarr(self) -> Path:
        """The Zarr hierarchy."""
        return self.root / "study.zarr"

    def weights(self, model: str, seed: int) -> Path:
        """The trained weights of a model."""
        return self.root / "models" / model / f"seed-{seed}.safetensors"

    def checkpoint(self, model: str, seed: int) -> Path:
        """The weights of a model whose training is under way."""
        return self.root / "models" / model / f"seed-{seed}.checkpoint.safetensors"

    def receipts(self, job: str) -> Path:
        """The folder of a job's receipts."""
        return self.root / "receipts" / job

    def receipt(self, job: str, shard: int) -> Path:
        """The receipt of one shard of a job."""
        return self.receipts(job) / f"{shard}.json"


def model_name(model: str, seed: int) -> str:
    """Return the part of a path that names a model with its seed, such as ``fc10-1e-4/seed-0``."""
    return f"{model}/seed-{seed}"
