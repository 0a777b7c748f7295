"""What follows the network, image by image, in processes of its own: no torch here."""

import numpy as np

from auxseg.ops.crf import Kernels, refine_saliency, refine_segmentation
from auxseg.ops.fusion import fuse
from auxseg.ops.saliency import to_bytes


def label_image(
    image: np.ndarray,
    cam: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    cam_threshold: float,
    saliency_threshold: float,
    kernels: Kernels | None,
    temperature: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and refined saliency of one image, (H, W) uint8 both.

    Args:
        image: (H, W, 3) uint8 RGB.
        cam: (K, H, W) float32 in [0, 1].
        classes: (K,) 0-based class indices.
        saliency: (H, W) float32 in [0, 1], before the CRF.
        cam_threshold: of the fusion.
        saliency_threshold: of the fusion.
        kernels: of the saliency's CRF; None leaves it out.
        temperature: of the saliency's CRF.
    """
    if kernels is not None:
        saliency = refine_saliency(image, saliency, kernels, temperature=temperature)
    label = fuse(
        cam,
        classes,
        saliency,
        cam_threshold=cam_threshold,
        saliency_threshold=saliency_threshold,
    )
    return label, to_bytes(saliency)


def segment_image(
    image: np.ndarray, single: np.ndarray, averaged: np.ndarray, kernels: Kernels | None
) -> np.ndarray:
    """All variants of one image's segmentation, (V, H, W) uint8.

    Args:
        image: (H, W, 3) uint8 RGB.
        single: (H, W) uint8, the labels at scale 1.
        averaged: (C + 1, H, W) float32 probabilities, averaged over scales.
        kernels: of the CRF; None leaves its variant out.
    """
    planes = [single, averaged.argmax(axis=0)]
    if kernels is not None:
        planes.append(refine_segmentation(image, averaged, kernels).argmax(axis=0))
    return np.stack(planes).astype(np.uint8)
