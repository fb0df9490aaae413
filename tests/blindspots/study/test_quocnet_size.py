"""QuocNet's sizes: what follows from fields, strides and windows, and what cannot be."""

import pytest
from pydantic import ValidationError

from blindspots.study.quocnet_size import MINI, SIZES, QuocNetSize


def test_the_network_of_2011_has_as_many_weights_as_its_stages_say() -> None:
    size = SIZES["quocnet-2011"]
    assert [shape.weights for shape in size.shapes] == [260_410_464, 544_195_584, 412_252_416]
    assert size.weights == 1_216_858_464
    assert [shape.places for shape in size.shapes] == [(183, 183), (162, 162), (141, 141)]
    assert size.shapes[2].output == (8, 137, 137)
    assert size.features == 8 * 137**2


def test_the_small_ones() -> None:
    mini, colours = SIZES[MINI], SIZES["quocnet-64"]
    assert mini.input_shape == (1, 24, 24)
    assert mini.shapes[0].filters == (9, 9, 8, 64)
    assert colours.input_shape == (3, 64, 64)
    assert len(colours.shapes) == 2
    assert colours.shapes[1].channels == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fields": (8, 8)}, "2 fields and 1 strides: one of each a stage is wanted"),
        ({"strides": (3,)}, "stage 1: fields of 8 at stride 3 do not cover 24 pixels; 23 would do"),
        ({"fields": (25,), "strides": (1,)}, "stage 1: fields of 25 at stride 1 do not cover 24 pixels"),
        ({"pool": 10}, "stage 1: 9 places do not hold windows of 10; take larger images"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        QuocNetSize.model_validate(SIZES[MINI].model_dump() | change)
