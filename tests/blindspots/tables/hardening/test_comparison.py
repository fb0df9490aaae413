"""Intervals and tests of differences: against closed forms, and what seeds and images each add."""

import numpy as np
import pytest
from scipy.stats import norm, t

from blindspots.tables.hardening import comparison
from blindspots.tables.hardening.comparison import holm, mcnemar, two_way_bootstrap

RANDOM = np.random.default_rng(3)


def test_over_images_alone_it_is_the_normal_interval() -> None:
    differences = RANDOM.choice([-1, 0, 1], (1, 4000), p=[0.045, 0.915, 0.04])
    found = two_way_bootstrap(differences)
    half = norm.ppf(0.975) * differences.std() / 4000**0.5
    assert found.mean == pytest.approx(differences.mean())
    assert found.low == pytest.approx(found.mean - half, abs=half / 10)
    assert found.high == pytest.approx(found.mean + half, abs=half / 10)
    assert found.p == pytest.approx(2 * norm.sf(abs(found.mean) / (half / norm.ppf(0.975))), rel=0.2)


def test_seeds_that_differ_widen_it() -> None:
    per_seed = np.array([-0.02, 0.0, 0.02, 0.01, -0.01])
    one = (RANDOM.random((5, 3000)) < 0.05).astype(np.int8)
    other = one.copy()
    for row, more in zip(one, per_seed, strict=True):
        flipped = RANDOM.choice(3000, round(abs(more) * 3000), replace=False)
        row[flipped] = more > 0
    differences = one - other
    found, together = two_way_bootstrap(differences), two_way_bootstrap(differences.mean(axis=0)[None])
    assert found.high - found.low > 2 * (together.high - together.low)
    spread = differences.mean(axis=1).std() / 5**0.5
    assert found.high - found.low > 2 * 1.96 * spread * 0.9
    assert found.p > 2 * t.sf(abs(found.mean) / spread, 4) * 0.9


def test_it_is_the_same_again_and_certain_where_nothing_varies() -> None:
    differences = RANDOM.choice([-1, 0, 1], (3, 200))
    found = two_way_bootstrap(differences)
    comparison._draws.cache_clear()
    assert two_way_bootstrap(differences) == found
    nothing, always = two_way_bootstrap(np.zeros((2, 50), np.int8)), two_way_bootstrap(np.ones((2, 50), np.int8))
    assert (nothing.mean, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)
    assert (always.mean, always.low, always.high, always.p) == (1, 1, 1, 0)


def test_mcnemars_test_counts_what_one_alone_misreads() -> None:
    ours, theirs = np.zeros(100, bool), np.zeros(100, bool)
    assert mcnemar(ours, theirs) == 1
    ours[:6] = True
    theirs[50] = True
    ours[60:70] = theirs[60:70] = True  # both: no matter
    assert mcnemar(ours, theirs) == pytest.approx(2 * (1 + 7) / 2**7)  # of 7, 0 or 1 on the rarer side
    assert mcnemar(ours, theirs) == mcnemar(theirs, ours)


def test_holm_adjusts_step_by_step() -> None:
    found = holm(np.array([np.nan, 0.01, 0.04, 0.03, 0.5]))
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], [0.04, 0.09, 0.09, 0.5])
    np.testing.assert_allclose(holm(np.array([0.4, 0.6])), [0.8, 0.8])
