"""Table 5: the paper's rows as printed, ours from the bounds of a network, and nothing where there are no weights."""

import csv
import io
import json
import math
from typing import Literal

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn
from torch.nn import functional as F

from blindspots.errors import InputError
from blindspots.models.opening import OpenedModel
from blindspots.networks.alexnet import AlexNet
from blindspots.networks.alexnet_2012 import AlexNet2012
from blindspots.spectral.convolution.printed_formula import equation_one
from blindspots.spectral.spectrum import conv_spectrum
from blindspots.tables.sheet import FORMATS
from blindspots.tables.sheets import formats
from blindspots.tables.sheets.table5 import table5_sheets
from blindspots.tables.table5.layers import alexnet_layers
from blindspots.tables.table5.table import CONTRACTIVE, NO_WEIGHTS, table5

Opened = tuple[OpenedModel, xr.Dataset]
Form = Literal["printed", "corrected"]

NAMES = {AlexNet: "alexnet", AlexNet2012: "alexnet-2012"}
FULLY_CONNECTED = ("classifier.1", "classifier.4", "classifier.6")
OURS = ("lower", "upper", "lower_per_pixel", "upper_per_pixel", "printed", "corrected", "reshaped")
PAPER = {
    "Conv 1": 2.75,
    "Conv 2": 10,
    "Conv 3": 7,
    "Conv 4": 7.5,
    "Conv 5": 11,
    "FC 1": 3.12,
    "FC 2": 4,
    "FC 3": 4,
}


def opened(kind: type[AlexNet] | type[AlexNet2012], *, whole: bool, size: int = 63) -> OpenedModel:
    """An AlexNet for small images; its fully connected layers, where it has them, are narrow."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(classes=None).eval().requires_grad_(False)
        if whole:
            layers = [nn.Dropout(), nn.Linear(9216, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 7), nn.ReLU()]
            model.classifier = nn.Sequential(*layers, nn.Linear(7, 3)).eval()
    return OpenedModel(model, (3, size, size), NAMES[kind], () if whole else FULLY_CONNECTED)


def bounds_of(found: OpenedModel) -> xr.Dataset:
    """Bounds made up, a different pair for each layer, for the shapes that the layers see."""
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = [
        layer.register_forward_hook(
            lambda module, inputs, output, name=name: shapes.update({name: inputs[0].shape[1:]})
        )
        for name, layer in found.model.named_modules()
        if not list(layer.children()) and not isinstance(layer, nn.Dropout)
    ]
    found.model.features(torch.zeros(1, *found.input_shape))  # type: ignore[operator, union-attr]
    for hook in hooks:
        hook.remove()
    shapes |= {name: (8,) for name, layer in found.model.named_modules() if isinstance(layer, nn.Linear)}
    shapes |= {"avgpool": (256, 1, 1)} if isinstance(found.model, AlexNet) else {}
    layers = [name for name in shapes if not isinstance(found.model.get_submodule(name), nn.ReLU)]
    lower = [1 + 0.1 * index for index in range(len(layers))]
    rectified = ["features.1", *(name for name in shapes if name not in layers and name != "features.1")]
    rectified += [name for name in ("classifier.2", "classifier.5") if "classifier.1" in shapes]
    names = [*layers, *rectified]
    return xr.Dataset(
        {
            "lower": ("layer", [*lower, *(1.0 for _ in rectified)]),
            "upper": ("layer", [*(each + 0.05 for each in lower), *(1.0 for _ in rectified)]),
            "input_shape": ("layer", ["x".join(map(str, shapes.get(name, (1,)))) for name in names]),
        },
        coords={"layer": names},
    )


@pytest.fixture(scope="module")
def features() -> Opened:
    found = opened(AlexNet, whole=False)
    return found, bounds_of(found)


@pytest.fixture(scope="module")
def layers(features: Opened) -> xr.Dataset:
    return alexnet_layers(*features)


@pytest.fixture(scope="module")
def of_2012() -> OpenedModel:
    found = opened(AlexNet2012, whole=True, size=99)
    found.model.features[0].weight[:] = torch.eye(3)[torch.arange(96) % 3].view(96, 3, 1, 1) * one_tap()  # type: ignore[index, union-attr]
    return found


@pytest.fixture(scope="module")
def layers_of_2012(of_2012: OpenedModel) -> xr.Dataset:
    return alexnet_layers(of_2012, bounds_of(of_2012))


def one_tap() -> torch.Tensor:
    kernel = torch.zeros(11, 11)
    kernel[5, 6] = 1 / math.sqrt(32)  # 32 maps copy each channel: of norm 1 in all
    return kernel


# the layers


def test_each_layer_has_the_bounds_of_its_name(features: Opened, layers: xr.Dataset) -> None:
    assert layers["row"].values.tolist() == [
        *("Conv 1", "Pool 1", "Conv 2", "Pool 2", "Conv 3", "Conv 4", "Conv 5", "Pool 5"),
        *("FC 1", "FC 2", "FC 3"),
    ]
    names = ["features." + index for index in ("0", "2", "3", "5", "6", "8", "10", "12")]
    assert layers["layer"].values.tolist() == [*names, *FULLY_CONNECTED]
    bounds = features[1]
    for row, name in enumerate(names):
        cell = layers.isel(row=row)
        for end in ("lower", "upper"):
            assert float(cell[end]) == float(bounds[end].sel(layer=name))
            if row:
                assert float(cell[f"{end}_per_pixel"]) == float(cell[end])
    assert layers["size"].values[[0, 1, 2]].tolist() == ["3 x 11 x 11 x 64", "3 x 3", "64 x 5 x 5 x 192"]
    assert layers["stride"].values[[0, 1, 2, -1]].tolist() == ["4", "2", "1", ""]
    assert all(np.isnan(layers[name].values[-3:]).all() for name in OURS)


def test_the_first_layer_per_pixel_is_that_of_normalisation_and_convolution(
    features: Opened, layers: xr.Dataset
) -> None:
    """Power iteration on what becomes of a difference of two images, as the network computes it."""
    first = features[0].model.features[0]  # type: ignore[index, union-attr]
    weight, std = first.weight.double(), torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)
    vector = torch.randn(1, 3, 63, 63, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for _ in range(150):
        image = F.conv2d(vector / vector.norm() / std, weight, stride=4, padding=2)
        back = F.conv_transpose2d(image, weight, stride=4, padding=2, output_padding=(0, 0))
        vector = F.pad(back, (0, 63 - back.shape[3], 0, 63 - back.shape[2])) / std
    norm, row = float(vector.norm().sqrt()), layers.sel(row="Conv 1")
    assert float(row["lower_per_pixel"]) == pytest.approx(norm, rel=1e-3)
    assert norm * (1 - 1e-3) <= float(row["upper_per_pixel"]) <= norm * 1.02
    assert norm <= float(row["upper_per_pixel"])


def test_the_product_is_that_of_all_layers(features: Opened, layers: xr.Dataset) -> None:
    upper = {str(name): float(value) for name, value in zip(features[1]["layer"], features[1]["upper"], strict=True)}
    assert layers.attrs["product"] == pytest.approx(math.prod(upper.values()), rel=1e-12)
    assert layers.attrs["product"] >= math.prod(upper.values())
    ratio = float(layers["upper_per_pixel"][0] / layers["upper"][0])
    assert layers.attrs["product_per_pixel"] == pytest.approx(layers.attrs["product"] * ratio, rel=1e-12)


def test_equation_one_as_printed_loses_the_stride(layers_of_2012: xr.Dataset) -> None:
    first = layers_of_2012.sel(row="Conv 1")
    assert float(first["corrected"]) == pytest.approx(1)
    assert float(first["printed"]) == pytest.approx(0.25)
    assert float(first["reshaped"]) == pytest.approx(1)
    assert float(first["upper_per_pixel"]) == pytest.approx(255, rel=1e-6)  # pixels are multiplied by 255
    second = layers_of_2012.sel(row="Conv 2")
    assert float(second["printed"]) == float(second["corrected"])


def test_the_one_of_2012_has_normalisation_groups_and_all_its_layers(layers_of_2012: xr.Dataset) -> None:
    rows = layers_of_2012["row"].values.tolist()
    assert rows[:6] == ["Conv 1", "Norm 1", "Pool 1", "Conv 2", "Norm 2", "Pool 2"]
    assert rows[-4:] == ["Pool 5", "FC 1", "FC 2", "FC 3"]
    assert str(layers_of_2012["size"].sel(row="Conv 2").item()) == "96 x 5 x 5 x 256, 2 groups"
    assert str(layers_of_2012["size"].sel(row="FC 3").item()) == "7 x 3"
    assert np.isfinite(layers_of_2012["upper"].values).all()


@pytest.mark.parametrize("form", ["printed", "corrected"])
def test_equation_one_is_the_one_of_its_own_file(layers: xr.Dataset, features: Opened, form: Form) -> None:
    kernel = features[0].model.features[0].weight  # type: ignore[index, union-attr]
    expected = equation_one(kernel, grid=(64, 64), stride=4, form=form)  # 63, rounded up to a multiple of 4
    assert float(layers[form].sel(row="Conv 1")) == pytest.approx(expected, rel=1e-9)


def test_groups_are_apart_in_equation_one(of_2012: OpenedModel, layers_of_2012: xr.Dataset) -> None:
    kernel = of_2012.model.features[4].weight  # type: ignore[index, union-attr]
    expected = max(float(conv_spectrum(half, grid=11).max()) for half in kernel.chunk(2))
    assert float(layers_of_2012["corrected"].sel(row="Conv 2")) == pytest.approx(expected)


def test_another_network_and_bounds_of_another_are_refused(features: Opened) -> None:
    found, bounds = features
    with pytest.raises(InputError, match="mine is no AlexNet"):
        alexnet_layers(OpenedModel(nn.Linear(2, 2), (2,), "mine"), bounds)
    with pytest.raises(InputError, match=r"the bounds lack the layer features\.8"):
        alexnet_layers(found, bounds.drop_sel(layer="features.8"))


# the table


def test_the_papers_numbers_stand_as_printed(layers: xr.Dataset) -> None:
    for table in (table5(None), table5(layers)):
        for row, bound in PAPER.items():
            cell = table.sel(row=row)
            assert float(cell["paper"]) == bound
            assert float(str(cell["paper_printed"].item())) == bound
        assert table.attrs["paper_product"] == pytest.approx(math.prod(PAPER.values()))
    assert str(table["paper_size"].sel(row="Conv 4").item()) == "384 x 3 x 3 x 384"
    assert str(table["paper_printed"].sel(row="Pool 2").item()) == CONTRACTIVE


def test_without_weights_there_is_no_number_of_ours() -> None:
    table = table5(None)
    assert table["row"].values.tolist() == list(PAPER)
    assert set(table["state"].values.tolist()) == {NO_WEIGHTS}
    assert all(np.isnan(table[name].values).all() for name in OURS)
    assert "product" not in table.attrs
    (sheet,) = table5_sheets(table)
    assert all(row[4] == NO_WEIGHTS and not any(row[5:]) for row in sheet.rows[:-1])
    assert not any(sheet.rows[-1][4:])
    assert "no number is ours" in sheet.notes[-1]


def test_a_row_without_weights_says_so(layers: xr.Dataset) -> None:
    table = table5(layers)
    assert table["state"].values.tolist() == [""] * 8 + [NO_WEIGHTS] * 3
    (sheet,) = table5_sheets(table)
    for row in sheet.rows[-4:-1]:
        assert row[0].startswith("FC")
        assert row[4] == NO_WEIGHTS
        assert not any(row[5:])
    assert sheet.rows[-1][0] == "product of those with weights"
    assert any(note.startswith("No weights: FC 1, FC 2, FC 3;") for note in sheet.notes)


def test_it_says_which_alexnet(layers: xr.Dataset, layers_of_2012: xr.Dataset) -> None:
    (ours,) = table5_sheets(table5(layers))
    assert "the widespread AlexNet, not the paper's: 64-192-384-256-256 maps" in ours.title
    (of_2012,) = table5_sheets(table5(layers_of_2012))
    assert "the AlexNet of 2012, the paper's: 96-256-384-384-256 maps" in of_2012.title
    assert of_2012.rows[-1][0] == "product of all"
    assert not any(note.startswith("No weights") for note in of_2012.notes)
    assert any(note.startswith("Norm: ") for note in of_2012.notes)
    assert not any(note.startswith("Norm: ") for note in ours.notes)


@pytest.mark.parametrize(
    ("lower", "upper", "shown"),
    [
        (9.07475, 9.0779, "9.074 to 9.078"),
        (14.9753, 14.9901, "14.97 to 15.00"),
        (2.0, 2 * (1 + 1e-9), "2"),
        (0.59460355, 0.59460356, "0.5946 to 0.5947"),
        (0.0, 0.0, "0"),
        (3.0, math.inf, "3 to unbounded"),
        (123456.7, 123457.2, "1.234e+05 to 1.235e+05"),
        (2e-12, 2e-12, "2.000e-12"),
    ],
)
def test_bounds_are_rounded_outwards(layers: xr.Dataset, lower: float, upper: float, shown: str) -> None:
    table = table5(layers).copy(deep=True)
    table["lower"][0], table["upper"][0] = lower, upper
    assert table5_sheets(table)[0].rows[0][6] == shown


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(layers: xr.Dataset, form: str) -> None:
    table = table5(layers)
    text = formats.render(table, form)
    if form in ("json", "csv"):
        rows = json.loads(text)["records"] if form == "json" else list(csv.DictReader(io.StringIO(text)))
        assert [row["row"] for row in rows] == table["row"].values.tolist()
        assert [float(row["upper"]) for row in rows[:8]] == table["upper"].values[:8].tolist()
        assert [row["upper"] for row in rows[8:]] == [None if form == "json" else ""] * 3
    else:
        assert "Conv 1" in text
        assert "no weights" in text
        assert "nan" not in text
