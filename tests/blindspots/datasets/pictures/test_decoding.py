"""What is cut out of a picture, and which pictures there are none of."""

import io

import numpy as np
import pytest
from PIL import Image

from blindspots.datasets.pictures.decoding import COLOUR, GREY, decoded, look_at
from blindspots.study.pictures_spec import PicturesSpec

DRAW = np.random.default_rng(0)
WIDE = DRAW.integers(0, 256, (16, 21, 3), dtype=np.uint8)  # height, width


def saved(image: Image.Image | np.ndarray, kind: str = "png") -> bytes:
    content = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(content, kind)
    return content.getvalue()


def test_the_centre_of_the_wanted_size_is_not_touched() -> None:
    found = decoded(saved(WIDE), PicturesSpec(size=12, crop=0.75))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, WIDE[2:14, 4:16].transpose(2, 0, 1))
    tall = decoded(saved(WIDE.transpose(1, 0, 2)), PicturesSpec(size=16))
    np.testing.assert_array_equal(tall, WIDE.transpose(1, 0, 2)[2:18].transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("interpolation", "method"), [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]
)
def test_a_square_is_resized_as_the_whole_picture_would_be(interpolation: str, method: Image.Resampling) -> None:
    large = Image.fromarray(DRAW.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    wanted = PicturesSpec.model_validate({"size": 24, "crop": 0.75, "interpolation": interpolation})
    found = decoded(saved(large), wanted)
    whole = np.asarray(large.resize((48, 32), method))  # 24 of 32 are 0.75
    np.testing.assert_allclose(found, whole[4:28, 12:36].transpose(2, 0, 1), atol=1)  # two roundings to 8 bits


def test_channels_are_those_that_are_wanted() -> None:
    grey = WIDE[..., 0]
    three = decoded(saved(grey), PicturesSpec(size=16))
    np.testing.assert_array_equal(three, np.stack([grey[:, 2:18]] * 3))
    one = decoded(saved(WIDE), PicturesSpec(size=16, channels=1))
    np.testing.assert_array_equal(one, np.asarray(Image.fromarray(WIDE).convert("L"))[None, :, 2:18])


@pytest.mark.parametrize(
    ("mode", "kind", "found"),
    [
        *(("RGB", "png", COLOUR), ("RGB", "jpeg", COLOUR), ("CMYK", "jpeg", COLOUR), ("P", "png", COLOUR)),
        *(("RGBA", "png", COLOUR), ("L", "png", GREY), ("L", "jpeg", GREY), ("1", "png", GREY), ("LA", "png", GREY)),
    ],
)
def test_what_a_picture_is(mode: str, kind: str, found: str) -> None:
    content = saved(Image.fromarray(WIDE).convert(mode), kind)
    assert look_at(content).kind == found
    assert decoded(content, PicturesSpec(size=8)).shape == (3, 8, 8)


def test_what_would_lose_something_is_none() -> None:
    see_through = Image.fromarray(WIDE).convert("RGBA")
    see_through.putpixel((3, 3), (1, 2, 3, 254))
    assert look_at(saved(see_through)).problem == "parts of it are transparent"
    indexed = Image.fromarray(WIDE).convert("P")
    content = io.BytesIO()
    indexed.save(content, "png", transparency=indexed.getpixel((0, 0)))
    assert look_at(content.getvalue()).problem == "parts of it are transparent"
    deep = Image.fromarray(WIDE[..., 0].astype(np.uint16) * 256)
    assert look_at(saved(deep)).problem.startswith("its values are of Pillow's mode I;16")


def test_damage_is_seen_wherever_it_is() -> None:
    assert look_at(b"no picture at all").problem == "is no picture"
    assert look_at(b"").problem == "is no picture"
    for kind in ("jpeg", "png"):
        content = saved(WIDE, kind)
        for length in (4, len(content) // 2, len(content) - 60):
            assert look_at(content[:length]).problem
        assert not look_at(content).problem
