"""What follows the network, image by image, in processes of its own: no torch here."""

from collections.abc import Callable

import cv2
import numpy as np

from auxseg.datasets.record import IGNORE
from auxseg.ops.crf import labels_that_matter
from auxseg.ops.fusion import fuse
from auxseg.ops.own_segmentation import most_probable, share_with_saliency
from auxseg.ops.saliency import to_bytes

Sharpen = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From an image and its saliency, or probabilities of labels, to sharper ones: a CRF."""


def label_by_cam(
    image: np.ndarray,
    cam: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    probabilities: np.ndarray | None = None,
    *,
    cam_threshold: float,
    saliency_threshold: float,
    sharpen: Sharpen | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels where CAM and saliency agree, and refined saliency: (H, W) uint8 both.

    Args:
        image: (H, W, 3) uint8 RGB.
        cam: (K, H, W) float32, not negative; propagated, it may be above 1.
        classes: (K,) 0-based class indices.
        saliency: (H, W) float32 in [0, 1], before the CRF.
        probabilities: (K + 1, H, W) float32 in [0, 1], of background and the image's own classes:
            pixels that the network segments otherwise are ignored; None ignores none of them.
        cam_threshold: of the fusion.
        saliency_threshold: of the fusion.
        sharpen: the saliency's CRF; None leaves it out.
    """
    refined = saliency if sharpen is None else sharpen(image, saliency)
    label = fuse(
        cam,
        classes,
        refined,
        cam_threshold=cam_threshold,
        saliency_threshold=saliency_threshold,
    )
    if probabilities is not None:
        label[label != most_probable(probabilities, classes)] = IGNORE
    return label, to_bytes(refined)


def label_by_segmentation(
    image: np.ndarray,
    probabilities: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    saliency_share: float,
    min_confidence: float,
    sharpen_labels: Sharpen | None,
    sharpen: Sharpen | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels by the network's segmentation, and refined saliency: (H, W) uint8 both.

    Args:
        image: (H, W, 3) uint8 RGB.
        probabilities: (K + 1, H, W) float32 in [0, 1], of background and the image's own classes.
        classes: (K,) 0-based class indices.
        saliency: (H, W) float32 in [0, 1], before the CRF.
        saliency_share: of saliency in telling objects from background.
        min_confidence: labels less probable are ignored.
        sharpen_labels: the segmentation's CRF; None leaves it out.
        sharpen: the saliency's CRF; None leaves it out.
    """
    shared = share_with_saliency(probabilities, saliency, saliency_share)
    if sharpen_labels is not None:
        shared = sharpen_labels(image, shared)
    refined = saliency if sharpen is None else sharpen(image, saliency)
    return most_probable(shared, classes, min_confidence), to_bytes(refined)


def segment_image(
    image: np.ndarray,
    planes: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    sharpen: Sharpen | None,
) -> np.ndarray:
    """All variants of one image's segmentation, (V, H, W) uint8.

    Args:
        image: (H, W, 3) uint8 RGB.
        planes: (1 or 2, H, W) uint8, the variants without CRF.
        probabilities: (L, H, W) float32, averaged over scales, of the labels that matter.
        labels: (L,) uint8, which these are: 0 background, k + 1 = class k.
        sharpen: the CRF; None leaves its variant out.
    """
    if sharpen is None:
        return planes
    sharpened = labels[sharpen(image, probabilities).argmax(axis=0)]
    return np.concatenate((planes, sharpened[None]))


def label_photograph(
    image: np.ndarray, probabilities: np.ndarray, size: tuple[int, int], sharpen: Sharpen | None
) -> np.ndarray:
    """The segmentation of a photograph that a network saw scaled down, (height, width) uint8.

    Args:
        image: (h, w, 3) uint8 RGB, as the network saw it.
        probabilities: (C + 1, h, w) float32 in [0, 1].
        size: (height, width) of the photograph.
        sharpen: the CRF, on the scaled-down image; None leaves it out.
    """
    labels = labels_that_matter(probabilities)
    probabilities = probabilities[labels]
    if sharpen is not None:
        probabilities = sharpen(image, probabilities)
    best = np.full(size, -1.0, dtype=np.float32)
    label = np.zeros(size, dtype=np.uint8)
    # One by one: all at full size would fill the memory.
    for index, plane in zip(labels, probabilities, strict=True):
        enlarged = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)
        label[enlarged > best] = index
        np.maximum(best, enlarged, out=best)
    return label
