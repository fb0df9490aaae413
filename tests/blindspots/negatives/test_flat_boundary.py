import pytest
from scipy.integrate import quad
from scipy.stats import norm

from blindspots.errors import InputError
from blindspots.negatives.flat_boundary import flat_boundary_share


@pytest.mark.parametrize("values", [2, 3, 5, 12, 60])
@pytest.mark.parametrize("multiple", [1.05, 1.5, 2.0, 5.0, 40.0])
def test_the_share_is_that_of_a_coordinates_density(values: int, multiple: float) -> None:
    """A coordinate of a uniform direction has a density proportional to (1 - u^2)^((m - 3) / 2)."""

    def up_to_the_pole(low: float) -> float:  # u = sin(a): no singularity for m = 2
        from math import asin, cos, pi

        return quad(lambda angle: cos(angle) ** (values - 2), asin(low), pi / 2)[0]

    assert flat_boundary_share(multiple, values) == pytest.approx(
        up_to_the_pole(1 / multiple) / up_to_the_pole(-1), rel=1e-8
    )


def test_nothing_crosses_before_the_boundary_and_in_the_limit_half_do() -> None:
    assert flat_boundary_share(0.5, 784) == flat_boundary_share(1.0, 784) == 0
    assert flat_boundary_share(1e6, 784) == pytest.approx(0.5, abs=1e-4)
    assert flat_boundary_share(10, 784) == pytest.approx(norm.sf(2.8), rel=0.05)
    assert flat_boundary_share(5, 784) == pytest.approx(1e-8, rel=0.5)


@pytest.mark.parametrize(
    ("multiple", "values", "message"),
    [
        (0, 5, "the multiple is 0; give a number above 0"),
        (float("nan"), 5, "the multiple is nan"),
        (2, 1, "values is 1; directions are drawn in 2 dimensions at least"),
    ],
)
def test_it_refuses(multiple: float, values: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        flat_boundary_share(multiple, values)
