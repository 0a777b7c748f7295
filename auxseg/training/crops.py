"""Random crops of photographs and of all that belongs to them: arrays in, arrays out."""

import cv2
import numpy as np

from auxseg.config import TrainingOptions

_GREY = np.array([0.299, 0.587, 0.114])  # of red, green and blue


def draw_window(
    shape: tuple[int, ...], scale: float, options: TrainingOptions, random: np.random.Generator
) -> np.ndarray:
    """The affine map from crop to image pixels, (2, 3) float64: scale, and drawn place and mirror.

    A side of the scaled image that is shorter than the crop is placed at random within it.
    """
    mirrored = options.flip and random.random() < 0.5
    height, width = shape
    spare_x = width * scale - options.crop_size
    spare_y = height * scale - options.crop_size
    left = round(random.uniform(min(spare_x, 0.0), max(spare_x, 0.0)))
    top = round(random.uniform(min(spare_y, 0.0), max(spare_y, 0.0)))
    # Pixel centres: source = (crop + 0.5 + offset) / scale - 0.5, x measured from the other side
    # when mirrored.
    step = 1.0 / scale
    start_x = (0.5 + left) * step - 0.5
    start_y = (0.5 + top) * step - 0.5
    if mirrored:
        return np.array([[-step, 0, width - 1 - start_x], [0, step, start_y]])
    return np.array([[step, 0, start_x], [0, step, start_y]])


def cut(
    array: np.ndarray,
    window: np.ndarray,
    size: int,
    interpolation: int,
    padding: int | tuple[int, int, int],
) -> np.ndarray:
    """The (size, size) crop of an (H, W) or (H, W, 3) uint8 array through an affine window."""
    return cv2.warpAffine(
        array,
        window,
        (size, size),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=padding if isinstance(padding, tuple) else (padding,) * 3,
    )


def jitter(image: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Random saturation, contrast and brightness of (H, W, 3) uint8 RGB, each in 1 +- strength."""
    if strength == 0:
        return image
    saturation, contrast, brightness = random.uniform(1 - strength, 1 + strength, size=3)
    # All three are one affine map of the colours: grey + saturation * (pixel - grey), then
    # brightness * (mean + contrast * (that - mean)), mean being the mean grey.
    mean = float(_GREY @ np.asarray(cv2.mean(image)[:3]))
    mixed = saturation * np.eye(3) + (1 - saturation) * _GREY
    shift = np.full((3, 1), brightness * (1 - contrast) * mean)
    return cv2.transform(image, np.hstack((brightness * contrast * mixed, shift)))
