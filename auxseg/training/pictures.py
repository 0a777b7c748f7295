"""What a training sees and makes of it, as one picture for TensorBoard."""

import numpy as np

from auxseg.datasets.palette import voc_palette
from auxseg.datasets.record import IGNORE

SHOWN = 4
_OPACITY = 0.6


def crops_picture(images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Up to four crops in a row; below them their labels, and below these what was predicted.

    Args:
        images: (B, 3, S, S) uint8 RGB.
        labels: (B, S, S) uint8, 255 ignored: shown white.
        predicted: (B, S, S) uint8.

    Returns:
        (3 * S, columns * S, 3) uint8.
    """
    photos = images[:SHOWN].transpose(0, 2, 3, 1)
    overlays = [_over(photos, classes[:SHOWN]) for classes in (labels, predicted)]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in (photos, *overlays)])


def _over(photos: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(B, S, S, 3) uint8: classes in VOC's colours over the photographs, background as it is."""
    palette = np.array(voc_palette(256), dtype=np.float32)
    palette[IGNORE] = 255
    mixed = _OPACITY * palette[classes] + (1 - _OPACITY) * photos
    return np.where(classes[..., None] == 0, photos, mixed).astype(np.uint8)
