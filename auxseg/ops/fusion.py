"""CAM and saliency to pseudo labels."""

import numpy as np

from auxseg.datasets.record import BACKGROUND, IGNORE


def fuse(
    cam: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray | None,
    *,
    cam_threshold: float,
    saliency_threshold: float,
) -> np.ndarray:
    """Pseudo labels where CAM and saliency agree (docs/method.md, 4).

    Args:
        cam: (K, H, W) float, not negative, of the K >= 1 present classes.
        classes: (K,) int, their 0-based indices.
        saliency: (H, W) float in [0, 1]; None lets the CAM alone decide, and nothing is ignored.
        cam_threshold: a pixel whose largest CAM lies above it is foreground to the CAM.
        saliency_threshold: a pixel above it is foreground to the saliency map.

    Returns:
        (H, W) uint8: class index + 1 where both say foreground, 0 where neither does, 255 where
        one alone does.
    """
    found = cam.max(axis=0) > cam_threshold
    label = (np.asarray(classes)[cam.argmax(axis=0)] + 1).astype(np.uint8)
    label[~found] = BACKGROUND
    if saliency is not None:
        label[found != (saliency > saliency_threshold)] = IGNORE
    return label
