import numpy as np

from blindspots.figures.adversarial.one_image import draw_image
from blindspots.results.one_image import Moved, OneImage


def drawn(models: int, *, channels: int = 1, success: bool = True) -> list:
    shape = (channels, 6, 5)
    moved = tuple(
        Moved(f"m{at}", np.full(shape, 0.01 * at, np.float32), 0.01 * at, 0.0, success, {f"m{at}": at % 10})
        for at in range(models)
    )
    one = OneImage("test", 12, "nearest", 3, np.full(shape, 0.5, np.float32), {}, moved)
    return draw_image(one, tuple("abcdefghij")).axes


def test_every_model_has_an_image_and_below_it_the_difference() -> None:
    axes = drawn(7)
    titles = [each.get_title() for each in axes]
    assert titles[0] == "test 12\nclass d"
    assert [title for title in titles if title.startswith("m")] == [
        f"m{at}\n{0.01 * at:.3g} → {'abcdefg'[at]}" for at in range(7)
    ]
    assert titles.count("difference x 10") == 7
    shown = {each.get_title(): each.images[0].get_array() for each in axes if each.images}
    np.testing.assert_allclose(shown["m3\n0.03 → d"], 0.53, atol=1e-6)
    third = next(at for at, title in enumerate(titles) if title.startswith("m3"))
    below = axes[third + 5].images[0].get_array()
    np.testing.assert_allclose(below, 0.8, atol=1e-6)


def test_colours_and_searches_that_failed() -> None:
    axes = drawn(2, channels=3, success=False)
    assert axes[0].images[0].get_array().shape == (6, 5, 3)
    assert axes[1].get_title() == "m0\nnone found"
