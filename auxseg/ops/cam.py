"""Class activation maps to scores in [0, 1]."""

import numpy as np

_EPSILON = 1e-5


def normalise_cam(cam: np.ndarray) -> np.ndarray:
    """Divide each class's map by its own maximum (docs/method.md, 4).

    Args:
        cam: (C, H, W) float32, unbounded.

    Returns:
        (C, H, W) float32 in [0, 1); negative values become 0.
    """
    positive = np.maximum(cam, 0.0)
    return positive / (positive.max(axis=(1, 2), keepdims=True) + _EPSILON)
