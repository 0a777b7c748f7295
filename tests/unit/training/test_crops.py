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


def test_every_other_window_is_mirrored():
    windows = [draw_window((32, 32), 1.0, options(), np.random.default_rng(s)) for s in range(400)]

    assert 160 < sum(window[0, 0] < 0 for window in windows) < 240


def test_jitter_of_strength_zero_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)

    assert np.array_equal(jitter(image, 0.0, np.random.default_rng(1)), image)


@pytest.mark.parametrize(("grey", "least", "most"), [(100, 69, 130), (250, 174, 255)])
def test_jitter_keeps_the_brightness_of_grey_within_its_strength(grey, least, most):
    image = np.full((8, 8, 3), grey, dtype=np.uint8)

    found = np.stack([jitter(image, 0.3, np.random.default_rng(s)) for s in range(50)])

    assert least <= found.min() < grey < found.max() <= most


def jittered(image: np.ndarray) -> list[np.ndarray]:
    """Often, in float64."""
    return [jitter(image, 0.3, np.random.default_rng(s)).astype(float) for s in range(100)]


def test_jitter_changes_the_contrast_within_its_strength():
    image = np.full((8, 8, 3), 60, dtype=np.uint8)
    image[:4] = 140

    # Of the mean, which only brightness changes.
    found = [(a[0, 0, 0] - a[7, 0, 0]) / 80 / (a.mean() / 100) for a in jittered(image)]

    assert 0.68 < min(found) < 0.75
    assert 1.25 < max(found) < 1.32


def test_jitter_changes_the_saturation_within_its_strength():
    image = np.full((8, 8, 3), 60, dtype=np.uint8)
    image[:4] = 140
    image[2:6] = (140, 90, 90)

    # Of the difference of greys, which only brightness and contrast change.
    found = [
        (a[3, 0, 0] - a[3, 0, 1]) / 50 / ((a[0, 0, 0] - a[7, 0, 0]) / 80) for a in jittered(image)
    ]

    assert 0.65 < min(found) < 0.77
    assert 1.23 < max(found) < 1.35


def test_jitter_shifts_colours_alike_everywhere():
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0], image[1] = (200, 40, 40), (40, 40, 200)

    changed = jitter(image, 0.3, np.random.default_rng(2))

    assert np.array_equal(changed[0, 0], changed[0, 1])
    assert np.array_equal(changed[1, 0], changed[1, 1])
    assert not np.array_equal(changed, image)
