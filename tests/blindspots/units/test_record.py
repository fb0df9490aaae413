"""What is stored of a layer: examples by their ids, shares and p as the statistics say."""

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.units.coherence import BetweenLabels, Cosine
from blindspots.units.comparison import RANDOM, RAW, UNIT_LENGTH, UNITS, compare_units
from blindspots.units.layer import LayerActivations
from blindspots.units.record import deciding, record
from blindspots.units.statistics import kept, rank_p


def test_a_record_says_what_was_compared() -> None:
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(6).repeat_interleave(10)
    values = torch.eye(6)[labels] + 0.3 * torch.randn(60, 6, generator=draw)
    values = torch.cat([values, torch.zeros(60, 2)], dim=1)
    measures = {"same label": BetweenLabels.same(labels, 6), "cosine": Cosine.between(torch.eye(6)[labels] + 0.1)}
    found = compare_units(LayerActivations.of(values, top=5), measures, rotations=9, bases=2, doses=(0.5,))
    ids = np.arange(60) * 3 + 100
    drawn = record(found, ids, seed=4, attributes={"layer": "planted"})
    assert drawn.attrs == {"units": 8, "dead": 2, "layer": "planted"}
    assert list(drawn["kind"].values) == ["random", "principal", "whitened", "nonnegative", "turned-0.5"]
    assert drawn.sizes == {
        "view": 2, "kind": 5, "measure": 2, "shown": 6, "rank": 5, "direction": 6, "rotation": 9,
    }  # fmt: skip
    for view in (RAW, UNIT_LENGTH):
        of = found[view]
        cell = drawn.sel(view=view, measure="cosine")
        random = np.array([basis.coherence[1] for basis in of.bases[RANDOM]])
        share = kept(of.unit_coherence[:, 1], random, of.chance[1], seed=4)
        assert float(cell["kept"].sel(kind=RANDOM)) == pytest.approx(share.value)
        assert float(cell["kept_low"].sel(kind=RANDOM)) == pytest.approx(share.low)
        assert float(cell["kept_high"].sel(kind=RANDOM)) == pytest.approx(share.high)
        assert float(cell["p"]) == rank_p(of.bases[UNITS][0].coherence[1], random)
        assert float(cell["coherence"].sel(kind=RANDOM)) == pytest.approx(random.mean())
        assert float(cell["units_coherence"]) == pytest.approx(of.unit_coherence[:, 1].mean())
        np.testing.assert_array_equal(drawn["unit_tops"].sel(view=view), of.unit_tops * 3 + 100)
        np.testing.assert_array_equal(drawn["random_tops"].sel(view=view), of.random_tops * 3 + 100)
        distinct = [basis.distinct for basis in of.bases[RANDOM]]
        np.testing.assert_allclose(drawn["rotation_distinct"].sel(view=view), distinct)
        assert float(drawn["p_distinct"].sel(view=view)) == rank_p(of.bases[UNITS][0].distinct, np.array(distinct))
        np.testing.assert_allclose(drawn["random_coherence"].sel(view=view), of.random_coherence)
        assert of.random_coherence.mean(axis=0) == pytest.approx(of.bases[RANDOM][0].coherence)
    assert all(array.attrs["long_name"] for array in drawn.data_vars.values())


def test_the_label_decides_unless_no_two_images_have_one() -> None:
    def chances(**chance: float) -> xr.Dataset:
        return xr.Dataset({"chance": ("measure", list(chance.values()))}, {"measure": list(chance)})

    assert deciding(chances(pixels=0.4, **{"same label": 0.1})) == "same label"
    assert deciding(chances(pixels=0.4, wordnet=0.5, **{"same label": 0.0})) == "wordnet"
    assert deciding(chances(pixels=0.4, features=0.3, **{"same label": 0.0})) == "features"
    assert deciding(chances(**{"same label": 0.0})) == "same label"
