"""What a coarse search over c does to Table 2: distortions and transfer rates of the paper's method, c tried few times.

The paper says that c is found by line search, and not how finely. Fewer values of c leave a smaller c, so a larger
distortion, and what is more distorted is misread more often by other models.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from blindspots import minimum_distortion
from blindspots.datasets.dataset import Dataset
from blindspots.distortion.methods import Auto, Lbfgs, Method
from blindspots.intervals import wilson
from tests.benchmarks.networks import LINEAR, SIGMOID, trained

IMAGES = 5000
NAMES = (*LINEAR, *SIGMOID)
SEARCHES: dict[str, Method] = {
    "auto": Auto(),
    **{f"{values} values of c": Lbfgs(values=values) for values in (7, 3, 2, 1)},
    "c|r|, 7 values": Lbfgs(penalty="norm"),
    "c|r|, 2 values": Lbfgs(penalty="norm", values=2),
}


@pytest.mark.timeout(3600)
def test_a_coarse_search(mnist: Dataset, record: Callable[[str, Any], None]) -> None:
    ids = mnist.order("train", 0)[:IMAGES]
    images, labels = mnist.images("train", ids), mnist.labels("train", ids)
    models = {name: trained(name, mnist) for name in NAMES}
    rows = []
    for source, model in models.items():
        print(f"\nrandom-target sets of {source} ({IMAGES} training images): distortion, then misread in {NAMES}")
        for search, method in SEARCHES.items():
            found = minimum_distortion(model, images, labels, rule="random", method=method, examples=ids)
            read = (found.clean_predicted == labels) & found.success
            distortion = float(found.distortion[read].mean())
            with torch.inference_mode():
                misread = {name: int((each(found.images).argmax(1) != labels).sum()) for name, each in models.items()}
            rows.append(
                {
                    "source": source,
                    "search": search,
                    "distortion": distortion,
                    "success": float(found.success.float().mean()),
                    "misread": {name: count / IMAGES for name, count in misread.items()},
                    "intervals": {name: wilson(count, IMAGES) for name, count in misread.items()},
                }
            )
            rates = "  ".join(f"{100 * count / IMAGES:5.1f}" for count in misread.values())
            print(f"  {search:16} {distortion:.4f}  {rates}")
            assert misread[source] >= 0.97 * IMAGES
    by = {(row["source"], row["search"]): row["distortion"] for row in rows}
    for source in NAMES:
        coarse, fine = by[source, "1 values of c"], by[source, "7 values of c"]
        assert coarse > fine >= by[source, "auto"]
    record("coarse-search", rows)
