"""The built-in studies of pools: what they choose among, and that they test on images that nobody chose by."""

from collections import Counter

from blindspots.study import load_study
from blindspots.study.recipes.pools_studies import POOLS, POOLS_TEST
from blindspots.study.recipes.recipe import compared, recipe_of


def test_the_choice_is_among_five_places_both_reaches_and_the_rivals() -> None:
    study = load_study("pools")
    assert study == POOLS
    assert len(compared(study)) == len(study.models)
    kinds = Counter(recipe_of(spec) for spec in study.models)
    for place in ("pool of the input", "pool of layer 1", "pool of layer 2"):
        assert kinds[place] == kinds[f"{place}, shares"] == 9
    assert kinds["pools of 3 layers, together"] == kinds["pools of 3 layers, alternating, shares, trains above"] == 9
    for place in ("pool of the input", "pools of 3 layers, together", "pools of 3 layers, alternating"):
        assert kinds[f"{place}, L-BFGS"] == 1
    assert kinds["pool of layer 2, shares, trains above, L-BFGS"] == 1
    assert kinds["dropout"] == 9
    assert kinds["decay alone"] == 4
    assert {"decay alone, L-BFGS", "Lipschitz penalty", "gradient step", "projected gradient"} <= set(kinds)
    assert study.training.images == 50_000  # the other 10 000 are held out


def test_the_test_is_on_all_images_from_ten_seeds() -> None:
    study = load_study("pools-test")
    assert study == POOLS_TEST
    assert (study.seeds, study.training.images) == (10, None)
    assert len(compared(study)) == len(study.models)
    assert max(Counter(recipe_of(spec) for spec in study.models).values()) == 1
