"""An image's size, before anything of it is decoded: an honest header is a few bytes, a bomb is millions of pixels.

In: an encoded image; out: nothing, or an error. For readers that decode whole archives.
"""

import warnings
from typing import IO

from PIL import Image, UnidentifiedImageError

from datamodules.image_entry import check_size


def check_header(stream: IO[bytes]) -> None:
    """Read an image's header and judge its size.

    Raises:
        ValueError: not an image, or one too small or too large to be meant.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter, and final
        try:
            with Image.open(stream) as image:
                check_size(image.width, image.height)
        except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
            raise ValueError(f"not an image, or one too large: {error}") from error
