import numpy as np
import pytest

from medrepro.datamodules.images.resizing import DIVISORS, ResizeMode, resize_images, resizing, to_square
from medrepro.datamodules.support.errors import InputError


@pytest.mark.parametrize(("mode", "size"), [("half", (961, 1280)), ("quarter", (480, 640)), ("sixth", (320, 426))])
def test_the_papers_sizes_come_out_before_the_crop(mode: ResizeMode, size: tuple[int, int]) -> None:
    """2560 x 1922 becomes 1280 x 961, 640 x 480 and 426 x 320 ("Resizing and cropping")."""
    assert (1922 // DIVISORS[mode], 2560 // DIVISORS[mode]) == size
    resize = resizing(299, mode, 1922, 2560).transforms[0]
    assert tuple(resize.spatial_size) == size


def test_cropping_the_original_takes_its_centre_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 40, 60), dtype=np.uint8)
    np.testing.assert_array_equal(resize_images(image, 20, "crop")[0], image[0, :, 10:30, 20:40])


def test_halving_averages_blocks_of_four() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 1, 8, 12), dtype=np.uint8)
    blocks = image[0, 0].reshape(4, 2, 6, 2).mean(axis=(1, 3))
    found = resize_images(image, 4, "half")[0, 0]
    np.testing.assert_allclose(found, blocks[:, 1:5], atol=0.5)


def test_squashing_keeps_the_mean_and_the_whole_field() -> None:
    image = np.zeros((1, 1, 30, 60), dtype=np.uint8)
    image[..., :10] = 240  # the left sixth
    found = resize_images(image, 12, "squash")[0, 0]
    assert (found[:, :2] == 240).all()
    assert (found[:, 2:] == 0).all()


def test_too_small_and_unknown_are_refused() -> None:
    with pytest.raises(InputError, match=r"makes 60 x 40 pixels 10 x 6, less than the input of 20"):
        resizing(20, "sixth", 40, 60)
    with pytest.raises(InputError, match="resize mode 'stretch'; allowed: squash, crop, half"):
        resizing(20, "stretch", 40, 60)  # type: ignore[arg-type] # the point of the test


def test_one_image_is_resized_as_in_a_batch() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for mode in ("squash", "crop", "half"):
        together = resize_images(colour.transpose(2, 0, 1)[None], 16, mode)[0]
        np.testing.assert_array_equal(to_square(colour, 16, mode).transpose(2, 0, 1), together)
        np.testing.assert_array_equal(to_square(colour[..., 1], 16, mode), together[1])
    with pytest.raises(InputError, match="resize mode 'sixth' makes 60 x 40"):
        to_square(colour, 16, "sixth")
