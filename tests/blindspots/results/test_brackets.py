"""What was proved beside what was found, out of groups written by hand."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.results.brackets import brackets, closeness, proved_nearby
from blindspots.results.results import Results
from blindspots.spectral.proof.certificate import certified_radius
from blindspots.study.file import validate_study
from blindspots.study.model_spec import ModelSpec
from blindspots.study.study import Study
from tests.held import Held


def study(**fields: object) -> Study:
    return validate_study({"name": "held", "models": [{"name": "one", "decay": [1]}], "seeds": 2, **fields})


def group(certified: list[float], by: list[int] | None = None) -> xr.Dataset:
    """Five images: three read and misled, one misread from the start, one that was not misled."""
    arrays: dict[str, tuple[object, ...]] = {
        "example": ("example", [3, 1, 4, 0, 5]),
        "found": ("example", [0.1, 0.2, 0.4, 0.0, np.nan]),
        "certified": ("example", [*certified, 0.0, 0.7]),
        "read": ("example", [True, True, True, False, True]),
    }
    if by is not None:
        about = {"flag_values": [0, 1, 2], "flag_meanings": "product local relaxation"}
        arrays["by"] = ("example", by, about)
    return xr.Dataset(arrays, attrs={"method": "local" if by is None else "auto", "split": "train"})


def tree(**groups: xr.Dataset) -> xr.DataTree:
    return xr.DataTree.from_dict({f"certified/one/{name.replace('_', '-')}": each for name, each in groups.items()})


def test_only_images_that_are_read_and_were_misled_are_between_two_numbers() -> None:
    held = Held(tree(seed_0=group([0.1, 0.1, 0.1]), seed_1=group([0.1, 0.199, 0.4])), study())
    first, second = brackets(held, "one")
    assert first.example.tolist() == [3, 1, 4]
    assert first.ratio.tolist() == pytest.approx([1, 0.5, 0.25])
    near = closeness([first, second])
    assert near.ratio == pytest.approx(np.mean([1, 0.5, 0.25, 1, 0.995, 1]))
    assert (near.close, near.known) == pytest.approx(((1 / 3 + 1) / 2, (1 / 3 + 2 / 3) / 2))
    assert near.proved == pytest.approx(np.mean([0.1, 0.1, 0.1, 0.1, 0.199, 0.4]))
    assert (near.images, near.by) == (3, "local")


def test_without_all_seeds_or_where_it_is_not_asked_for_there_is_nothing() -> None:
    groups = {"seed_0": group([0.1, 0.1, 0.1]), "seed_1": group([0.1, 0.1, 0.1])}
    assert len(brackets(Held(tree(**groups), study()), "one")) == 2
    assert not brackets(Held(tree(**groups), study(seeds=3)), "one")
    assert not brackets(Held(tree(**groups), study(bounds={"certified": 0})), "one")
    assert not brackets(Held(tree(**groups), study(sets={"rules": ["random"]})), "one")
    nothing = closeness([])
    assert np.isnan(nothing.ratio)
    assert (nothing.images, nothing.by) == (0, "")


@pytest.mark.parametrize(("by", "said"), [([0, 0, 0, 0, 0], "product"), ([2, 2, 2, 0, 2], "relaxation")])
def test_of_a_given_network_the_store_says_what_proves(by: list[int], said: str) -> None:
    held = Held(tree(seed_0=group([0.1, 0.1, 0.1], by)), study(seeds=1))
    assert brackets(held, "one")[0].by == said


def test_what_is_proved_holds_for_images_that_were_not_misled_too() -> None:
    held = Held(tree(seed_0=group([0.1, 0.05, 0.1])), study(seeds=1))
    found = proved_nearby(held, "one", 0, "train")
    assert found is not None
    assert dict(zip(*map(np.ndarray.tolist, found), strict=True)) == {3: 0.1, 1: 0.05, 4: 0.1, 0: 0.0, 5: 0.7}
    assert proved_nearby(held, "one", 0, "test") is None


@pytest.mark.attack
@pytest.mark.timeout(0)
def test_no_distorted_image_of_a_study_breaks_what_is_proved(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the finished study at ``BLINDSPOTS_ATTACK_ROOT``: every image of every set against every ball that is proved.

    What its store lacks, for a network that it was not proved of, is proved here, of ``BLINDSPOTS_ATTACK_IMAGES``; with
    ``BLINDSPOTS_ATTACK_SETS`` only the sets whose path has that in it are shown.
    """
    most = int(os.environ.get("BLINDSPOTS_ATTACK_IMAGES", "25"))
    with Results(os.environ["BLINDSPOTS_ATTACK_ROOT"]) as results:
        balls = [ball for spec in results.study.models for ball in _balls(results, spec, most)]
        with capsys.disabled():
            sys.stdout.write("\n".join([ball.name for ball in balls]) + "\n")
        compared = within = 0
        wrong = []
        for path, images in _distorted(results):
            rows = images.double().flatten(1)
            for ball in balls:
                far = torch.cdist(ball.images, rows) / rows.shape[1] ** 0.5
                compared += far.numel()
                inside = (far < ball.certified[:, None]).nonzero()
                within += len(inside)
                for which, row in inside.tolist():
                    with torch.no_grad():
                        read = int(ball.network(images[row : row + 1]).argmax(1))
                    if read != int(ball.labels[which]):
                        wrong.append((ball.name, path, which, row))
            told = (
                f"{sum(len(ball.labels) for ball in balls)} balls, {compared} comparisons, {within} images within one"
            )
            with capsys.disabled():
                sys.stdout.write(f"{path}: {told}, {len(wrong)} violations\n")
    assert wrong == []


@dataclass(frozen=True)
class Balls:
    """What is proved of a model: its images (m, p), how far (m,), and as what they are read."""

    name: str
    network: torch.nn.Module
    images: torch.Tensor
    labels: torch.Tensor
    certified: torch.Tensor


def _balls(results: Results, spec: ModelSpec, most: int) -> Iterator[Balls]:
    for seed in range(results.study.seeds):
        name, split = f"{spec.name}/seed-{seed}", results.study.splits(spec)[0]
        network = results.network(spec.name, seed)
        group = results.find(f"certified/{spec.name}/seed-{seed}")
        if group is not None:
            ids, certified = group["example"].values, torch.from_numpy(group["certified"].values)
            if group.attrs["method"] == "local":
                certified = certified * (1 - 1e-6)  # of the reals: on the boundary itself float32 may read either
        else:
            found = results.group(f"sets/{spec.name}/seed-{seed}/{split}/nearest").isel(example=slice(most))
            ids = found["example"].values
        images, labels = results.dataset.images(split, ids), results.dataset.labels(split, ids)
        if group is None:
            certified = certified_radius(network, images, labels, arithmetic="own").distortion
            ratio = float(np.mean((certified.numpy() / found["distortion"].values)[certified.numpy() > 0]))
            name += f", proved here: {ratio:.4f} of what was found"
        some = certified > 0
        rows = images.double().flatten(1)[some]
        yield Balls(name, network, rows, labels[some], certified[some])


def _distorted(results: Results) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every image of every set as it was stored, some thousands at a time."""
    some = os.environ.get("BLINDSPOTS_ATTACK_SETS", "")
    for node in results.tree.subtree:
        if some not in node.path:
            continue
        found = node.to_dataset()
        if "perturbation" in found and "example" in found and node.path.startswith(("/sets/", "/references/")):
            split = node.path.split("/")[2 if node.path.startswith("/references/") else 4]
            for start in range(0, found.sizes["example"], 5000):
                part = found.isel(example=slice(start, start + 5000))
                images = results.dataset.images(split, part["example"].values)
                yield f"{node.path} from {start}", images + torch.from_numpy(part["perturbation"].values)
