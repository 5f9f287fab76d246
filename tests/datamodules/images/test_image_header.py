"""A size is judged from the header alone."""

import io

import pytest

from medrepro.datamodules.images.entry import check_header
from tests._malformed import picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_an_honest_image_passes_undecoded(kind: str) -> None:
    content = picture(512, kind)
    cut = content if kind == "TIFF" else content[: len(content) * 3 // 4]  # a TIFF's directory stands at its end
    stream = io.BytesIO(cut)
    check_header(stream)
    assert not stream.closed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (picture(4), "smaller than 8 px"),
        (picture(10001), "more than 100000000 pixels"),
        (picture(20000), "one too large"),
        (b"text", "not an image"),
        (b"", "not an image"),
    ],
)
def test_a_bomb_a_dot_and_no_image(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_header(io.BytesIO(content))
