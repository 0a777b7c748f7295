"""Pseudo labels from a segmentation into background and the classes that an image is known to show.

Not of the paper, whose labels come from CAMs; a network that is told which classes there are
segments better than its CAMs do.
"""

import numpy as np

from auxseg.datasets.record import IGNORE

_SMALLEST = 1e-6


def share_with_saliency(
    probabilities: np.ndarray, saliency: np.ndarray, share: float
) -> np.ndarray:
    """Let saliency have its share in telling the objects from the background.

    Args:
        probabilities: (K + 1, H, W) float in [0, 1], background first, adding up to 1.
        saliency: (H, W) float in [0, 1], the probability of any object.
        share: of saliency, in [0, 1]. How the objects' probability is split among the classes is
            the network's say alone.

    Returns:
        (K + 1, H, W) float32 in [0, 1], adding up to 1.
    """
    objects = probabilities[1:] + _SMALLEST
    split = objects / objects.sum(axis=0)
    by_saliency = np.concatenate((1.0 - saliency[None], saliency * split))
    return (share * by_saliency + (1.0 - share) * probabilities).astype(np.float32)


def most_probable(
    probabilities: np.ndarray, classes: np.ndarray, min_confidence: float = 0.0
) -> np.ndarray:
    """The most probable label of every pixel.

    Args:
        probabilities: (K + 1, H, W) float in [0, 1], background first.
        classes: (K,) int, 0-based indices of the K classes.
        min_confidence: a label less probable is ignored.

    Returns:
        (H, W) uint8: 0 background, class index + 1, 255 ignored.
    """
    label = np.array([0, *(np.asarray(classes) + 1)], dtype=np.uint8)[probabilities.argmax(axis=0)]
    label[probabilities.max(axis=0) < min_confidence] = IGNORE
    return label
