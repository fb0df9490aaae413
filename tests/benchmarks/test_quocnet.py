"""What a step of one tile of every stage of ``quocnet-2011`` takes, on real pictures: memory beside its plan, and CPU.

Stage 2 and 3 see what a crop of the stages below makes of the pictures: as much of these as their tile's fields reach,
with first weights. Every tile takes its step in a process of its own, whose peak is measured. Run with::

    BLINDSPOTS_IMAGENET=folder python -m pytest tests/benchmarks/test_quocnet.py -n 0 -s
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import process_time

import pytest
import torch
from safetensors.torch import load_file, save_file

from blindspots.datasets.pictures.dataset import load_pictures
from blindspots.networks.local_filtering import encode
from blindspots.networks.quocnet import L2Pooling, LocalContrastNormalisation, Whitening, resized
from blindspots.study.pictures_spec import PicturesSpec
from blindspots.study.quocnet_size import SIZES
from blindspots.training.layerwise.descent import initial_state
from blindspots.training.layerwise.objective import ENCODER
from blindspots.training.layerwise.plan import tile_memory
from blindspots.training.layerwise.step import standing, take_step
from blindspots.training.layerwise.tile import Region, Tile, tiles_of
from blindspots.training.layerwise.zca import whitening
from tests.benchmarks.conftest import Table

IMAGENET = "BLINDSPOTS_IMAGENET"
SIZE = SIZES["quocnet-2011"]
GRID, MIDDLE, BATCH = (4, 4), 5, 10
"""Tiles of a stage, the one that is trained, which has neighbours on all sides, and the pictures of its minibatch."""
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
"""Tells glibc to give back whatever large is freed: else it keeps some of that, which is no part of the plan."""
_AROUND = 2
"""Places on either side that contrast normalisation looks at."""


def tile_of(stage: int) -> Tile:
    return tiles_of(SIZE.shapes[stage - 1], *GRID)[MIDDLE]


def below(region: Region, stage: int) -> Tile:
    """The places of the stage before ``stage``, all that a region of this one's input depends on."""
    shape = SIZE.shapes[stage - 2]
    rows, columns = (
        slice(max(0, at.start - _AROUND), min(most, at.stop + _AROUND) + shape.pool - 1)
        for at, most in zip(region, shape.output[1:], strict=True)
    )
    return Tile(0, shape, (rows, columns), (False, False))


def features(whitened: torch.Tensor, region: Region, stage: int) -> torch.Tensor:
    """What a stage sees of pictures (n, channels, height, width) in a region of its input."""
    if stage == 1:
        return whitened[:, :, region[0], region[1]].contiguous()
    crop = below(region, stage)
    inputs = features(whitened, crop.pixels, stage - 1)
    filters = initial_state(crop, coding="tied", seed=0, stage=stage - 1)[ENCODER]
    codes = encode(filters, inputs, stride=crop.shape.stride)
    maps = LocalContrastNormalisation()(L2Pooling(crop.shape.pool)(codes))
    rows, columns = (
        slice(at.start - places.start, at.stop - places.start) for at, places in zip(region, crop.places, strict=True)
    )
    return maps[:, :, rows, columns].contiguous()


def pictures() -> torch.Tensor:
    """Real pictures, whitened, at the network's size."""
    dataset = load_pictures(Path(os.environ[IMAGENET]), PicturesSpec(size=SIZE.height, crop=1.0))
    images = resized(dataset.images("test", dataset.ids("test")[:: len(dataset.ids("test")) // BATCH][:BATCH]), SIZE)
    found: Whitening = whitening([images])
    with torch.no_grad():
        return found(images)


@pytest.mark.parametrize("stage", [1, 2, 3])
@torch.no_grad()
def test_a_tile_s_step_on_real_pictures(stage: int, tmp_path: Path, table: Table) -> None:
    if IMAGENET not in os.environ:
        pytest.skip(f"{IMAGENET} names no folder of pictures")
    tile = tile_of(stage)
    save_file({"inputs": features(pictures(), tile.pixels, stage)}, tmp_path / "inputs.safetensors")
    with table.part(f"stage {stage}, one of {GRID[0]} x {GRID[1]} tiles"):
        plan = tile_memory(tile, BATCH).total
        table.add("planned, GB", plan / 1e9)
        kept, *_ = _measured(stage, tmp_path / "inputs.safetensors", {})
        peak, seconds, before, after = _measured(stage, tmp_path / "inputs.safetensors", GIVEN_BACK)
        table.add("held beside what torch takes, GB", peak / 1e9)
        table.add("held over planned", peak / plan, at_most=1.05)
        table.add("with what glibc keeps of what was freed, over planned", kept / plan)
        table.add("a step, s of CPU", seconds)
        table.add("objective after the step over before it, same pictures", after / before, at_most=1.0)


def _measured(stage: int, inputs: Path, environment: Mapping[str, str]) -> tuple[float, ...]:
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(stage), str(inputs)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
    )
    return tuple(map(float, done.stdout.split()))


def peak_bytes() -> int:
    """The most that this process has held so far, as Linux tells it."""
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@torch.no_grad()
def step(stage: int, path: str) -> None:
    """Take two steps on the same pictures, as a worker does; print peak, CPU of the first, and both objectives."""
    torch.set_num_threads(1)
    alone = Tile(0, (own := tile_of(stage)).shape, own.places, (True, True))  # its neighbours' part is not there
    small = tiles_of(SIZES["quocnet-mini"].shapes[0])[0]
    _steps(small, torch.randn(BATCH, 1, 24, 24), 1)  # whatever torch sets up once
    base = peak_bytes()
    inputs = load_file(path)["inputs"]
    (before, seconds), (after, _) = _steps(alone, inputs, stage, count=2)
    print(peak_bytes() - base, seconds, before, after)


def _steps(tile: Tile, inputs: torch.Tensor, stage: int, *, count: int = 1) -> list[tuple[float, float]]:
    state = initial_state(tile, coding="tied", seed=0, stage=stage)
    found = []
    for number in range(count):
        began = process_time()
        now = standing(state, inputs, tile)
        losses = take_step(
            now,
            inputs,
            [tile],
            tile,
            decoded=lambda _, at, now=now: now.made.decoded[:, :, at[0], at[1]],  # type: ignore[misc]
            energy=lambda _, at, now=now: now.made.energy[:, :, at[0], at[1]],  # type: ignore[misc]
            step=number,
            rate=1e-3,
            sparsity=0.06,
        )
        found.append((losses.total, process_time() - began))
    return found


if __name__ == "__main__":
    step(int(sys.argv[1]), sys.argv[2])
