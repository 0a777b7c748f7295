"""Dense conditional random fields (Krähenbühl & Koltun 2011) on saliency and segmentation."""

import numpy as np
from pydensecrf.densecrf import DenseCRF2D

from auxseg.config import SaliencyCrfOptions, SegmentationCrfOptions

_SMALLEST = 1e-5


def refine_saliency(
    image: np.ndarray, saliency: np.ndarray, options: SaliencyCrfOptions
) -> np.ndarray:
    """Sharpen saliency along the image's edges (METHOD sec. 4).

    The unary of either label is -log p / (tau * sigmoid(p)), p being its probability.

    Args:
        image: (H, W, 3) uint8 RGB.
        saliency: (H, W) float in [0, 1].
        options: kernels, tau and iterations.

    Returns:
        (H, W) float32 in [0, 1], the marginal of "salient".
    """
    both = np.stack((1.0 - saliency, saliency)).clip(_SMALLEST, 1.0)  # (2, H, W)
    unary = -np.log(both) * (1.0 + np.exp(-both)) / options.temperature
    return _marginals(image, unary, options)[1]


def refine_segmentation(
    image: np.ndarray, probabilities: np.ndarray, options: SegmentationCrfOptions
) -> np.ndarray:
    """Sharpen a segmentation along the image's edges (METHOD sec. 5).

    Args:
        image: (H, W, 3) uint8 RGB.
        probabilities: (K, H, W) float in [0, 1], adding up to 1 over K labels.
        options: kernels and iterations.

    Returns:
        (K, H, W) float32 in [0, 1], the labels' marginals.
    """
    return _marginals(image, -np.log(probabilities.clip(_SMALLEST, 1.0)), options)


def _marginals(
    image: np.ndarray, unary: np.ndarray, options: SaliencyCrfOptions | SegmentationCrfOptions
) -> np.ndarray:
    labels, height, width = unary.shape
    field = DenseCRF2D(width, height, labels)
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(labels, -1), dtype=np.float32))
    field.addPairwiseGaussian(sxy=options.gaussian_sxy, compat=options.gaussian_compat)
    field.addPairwiseBilateral(
        sxy=options.bilateral_sxy,
        srgb=options.bilateral_srgb,
        rgbim=np.array(image),  # a copy: the library wants it writable
        compat=options.bilateral_compat,
    )
    return np.array(field.inference(options.iterations)).reshape(unary.shape)
