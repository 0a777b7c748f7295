"""What a U2-Net-family model reads and writes, as arrays."""

from collections.abc import Sequence

import cv2
import numpy as np

SALIENT = 128  # of 255: what counts as salient where a map is cut at 0.5


def model_input(
    image: np.ndarray,
    *,
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    divide_by_max: bool,
) -> np.ndarray:
    """An image (H, W, 3) uint8 RGB as the model wants it: (1, 3, size, size) float32.

    Args:
        image: the photograph.
        size: input height and width, pixels.
        mean: of each channel, subtracted from RGB in [0, 1].
        std: of each channel, divided by.
        divide_by_max: scale RGB by the image's own maximum instead of 255.
    """
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    scaled = resized.astype(np.float32)
    scaled /= max(float(scaled.max()), 1.0) if divide_by_max else 255.0
    normalised = (scaled - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def model_output(output: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A model's map, (1, 1, h, w) float in [0, 1], at an image's (H, W): float32 in [0, 1]."""
    height, width = shape
    resized = cv2.resize(output[0, 0].astype(np.float32), (width, height))
    return resized.clip(0.0, 1.0)


def to_bytes(saliency: np.ndarray) -> np.ndarray:
    """Float in [0, 1] to uint8 in 0..255, rounded."""
    return np.rint(np.clip(saliency, 0.0, 1.0) * 255).astype(np.uint8)


def from_bytes(saliency: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 to float32 in [0, 1]."""
    return saliency.astype(np.float32) / np.float32(255)
