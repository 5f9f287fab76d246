"""Decoding one image: modes, depths, orientation, limits, damage; and the content hash."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medrepro.datamodules.images import entry as image_entry
from medrepro.datamodules.images.entry import check_header, content_hash, decode_bytes, from_array, with_channels
from medrepro.datamodules.images.resizing import to_square
from tests._malformed import picture as header
from tests.datamodules._pictures import picture


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_grey_and_colour_keep_their_pixels() -> None:
    for pixels in (picture(0), picture(1, colour=True)):
        np.testing.assert_array_equal(decode_bytes(encoded(Image.fromarray(pixels))), pixels)


def test_odd_modes_become_grey_or_colour() -> None:
    colour = Image.fromarray(picture(2, colour=True))
    shapes = {mode: decode_bytes(encoded(colour.convert(mode))).shape for mode in ("P", "RGBA", "LA", "1")}
    assert shapes == {"P": (20, 24, 3), "RGBA": (20, 24, 3), "LA": (20, 24), "1": (20, 24)}
    assert decode_bytes(encoded(colour.convert("CMYK"), "TIFF")).shape == (20, 24, 3)


def test_sixteen_bits_keep_their_upper_eight() -> None:
    deep = np.arange(400, dtype=np.uint16).reshape(20, 20) * 160
    np.testing.assert_array_equal(decode_bytes(encoded(Image.fromarray(deep))), deep >> 8)


def test_a_rotated_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to see it upright
    assert decode_bytes(encoded(Image.fromarray(picture(3)), exif=exif)).shape == (24, 20)


def test_damage_is_an_error_and_not_a_black_image() -> None:
    whole = encoded(Image.fromarray(picture(4, 64, 64)))
    with pytest.raises(ValueError, match="not an image"):
        decode_bytes(b"<html>404</html>")
    for length in (20, len(whole) // 2):
        with pytest.raises((ValueError, OSError)):
            decode_bytes(whole[:length])


def test_size_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="24 x 7 px: smaller than 8 px"):
        decode_bytes(encoded(Image.fromarray(picture(5, 7, 24))))
    monkeypatch.setattr(image_entry, "MOST_PIXELS", 400)
    with pytest.raises(ValueError, match="24 x 20 px: more than 400 pixels"):
        decode_bytes(encoded(Image.fromarray(picture(5))))


def test_arrays_must_be_eight_bit_images() -> None:
    assert from_array(picture(6)[:, :, None]).shape == (20, 24)
    with pytest.raises(ValueError, match="float64; only 8-bit"):
        from_array(picture(6) / 255)
    with pytest.raises(ValueError, match=r"shape \(20, 24, 4\)"):
        from_array(np.zeros((20, 24, 4), dtype=np.uint8))


def test_the_hash_is_of_the_picture_not_of_the_file() -> None:
    image = Image.fromarray(picture(7))
    hashes = {content_hash(decode_bytes(encoded(image, kind))) for kind in ("PNG", "BMP", "TIFF")}
    assert len(hashes) == 1
    changed = picture(7)
    changed[3, 3] ^= 1
    assert content_hash(changed) not in hashes
    assert content_hash(np.zeros((8, 16), np.uint8)) != content_hash(np.zeros((16, 8), np.uint8))


@given(st.integers(8, 40), st.integers(8, 40), st.booleans(), st.integers(8, 48), st.sampled_from([1, 3]))
@settings(max_examples=30, deadline=None)
def test_any_image_becomes_a_square_with_the_channels_asked_for(
    height: int, width: int, colour: bool, side: int, channels: int
) -> None:
    pixels = with_channels(to_square(picture(8, height, width, colour), side), channels)
    assert pixels.shape == (channels, side, side)
    assert pixels.dtype == np.uint8


def test_squashing_keeps_the_mean_and_grey_is_repeated() -> None:
    pixels = picture(9, 64, 64)
    assert abs(to_square(pixels, 16).mean() - pixels.mean()) < 2
    colour = with_channels(pixels, 3)
    assert (colour[0] == pixels).all()
    assert (colour == colour[:1]).all()
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert with_channels(red, 1).tolist() == np.full((1, 8, 8), 76).tolist()  # 0.299 * 255


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_an_honest_image_passes_undecoded(kind: str) -> None:
    content = header(512, kind)
    cut = content if kind == "TIFF" else content[: len(content) * 3 // 4]  # a TIFF's directory stands at its end
    stream = io.BytesIO(cut)
    check_header(stream)
    assert not stream.closed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(4), "smaller than 8 px"),
        (header(10001), "more than 100000000 pixels"),
        (header(20000), "one too large"),
        (b"text", "not an image"),
        (b"", "not an image"),
    ],
)
def test_a_bomb_a_dot_and_no_image(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_header(io.BytesIO(content))
