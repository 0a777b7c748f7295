import cv2
import numpy as np
import pytest

from auxseg.config import ClassifyOptions
from auxseg.training.crops import cut, draw_window, jitter


def options() -> ClassifyOptions:
    return ClassifyOptions(crop_size=32)


def test_a_mirrored_window_mirrors_the_crop_exactly():
    image = np.arange(40 * 32, dtype=np.uint8).reshape(40, 32)
    windows = [draw_window((32, 32), 1.0, options(), np.random.default_rng(s)) for s in range(20)]
    plain = next(w for w in windows if w[0, 0] > 0)
    mirrored = next(w for w in windows if w[0, 0] < 0)

    first = cut(image[:32], plain, 32, cv2.INTER_NEAREST, 0)
    second = cut(image[:32], mirrored, 32, cv2.INTER_NEAREST, 0)

    assert np.array_equal(first, image[:32])
    assert np.array_equal(second, image[:32, ::-1])


def test_crops_stay_inside_an_image_that_is_large_enough():
    image = np.full((100, 120), 5, dtype=np.uint8)

    for seed in range(30):
        random = np.random.default_rng(seed)
        window = draw_window(image.shape, random.uniform(0.7, 1.3), options(), random)
        assert (cut(image, window, 32, cv2.INTER_NEAREST, 0) == 5).all()


def test_jitter_of_strength_zero_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)

    assert np.array_equal(jitter(image, 0.0, np.random.default_rng(1)), image)


@pytest.mark.parametrize(("grey", "least", "most"), [(100, 69, 130), (250, 174, 255)])
def test_jitter_keeps_the_brightness_of_grey_within_its_strength(grey, least, most):
    image = np.full((8, 8, 3), grey, dtype=np.uint8)

    found = np.stack([jitter(image, 0.3, np.random.default_rng(s)) for s in range(50)])

    assert least <= found.min() < grey < found.max() <= most


def test_jitter_shifts_colours_alike_everywhere():
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0], image[1] = (200, 40, 40), (40, 40, 200)

    changed = jitter(image, 0.3, np.random.default_rng(2))

    assert np.array_equal(changed[0, 0], changed[0, 1])
    assert np.array_equal(changed[1, 0], changed[1, 1])
    assert not np.array_equal(changed, image)
