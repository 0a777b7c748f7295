"""Dense conditional random fields (Krähenbühl & Koltun 2011) on saliency and segmentation."""

from dataclasses import dataclass

import numpy as np
from pydensecrf.densecrf import DenseCRF2D

_SMALLEST = 1e-5


@dataclass(frozen=True)
class Kernels:
    """What pulls neighbouring pixels together, and how often.

    Attributes:
        iterations: of mean-field inference.
        gaussian_sxy, gaussian_compat: width in pixels and weight of the smoothness kernel.
        bilateral_sxy, bilateral_srgb, bilateral_compat: widths in pixels and in grey levels, and
            weight of the appearance kernel.
    """

    iterations: int
    gaussian_sxy: float
    gaussian_compat: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_compat: float


def refine_saliency(
    image: np.ndarray, saliency: np.ndarray, kernels: Kernels, *, temperature: float
) -> np.ndarray:
    """Sharpen saliency along the image's edges (docs/method.md, 4).

    The unary of either label is -log p / (tau * sigmoid(p)), p being its probability.

    Args:
        image: (H, W, 3) uint8 RGB.
        saliency: (H, W) float in [0, 1].
        kernels: pairwise terms and iterations.
        temperature: tau.

    Returns:
        (H, W) float32 in [0, 1], the marginal of "salient".
    """
    both = np.stack((1.0 - saliency, saliency)).clip(_SMALLEST, 1.0)  # (2, H, W)
    unary = -np.log(both) * (1.0 + np.exp(-both)) / temperature
    return _marginals(image, unary, kernels)[1]


def refine_segmentation(
    image: np.ndarray, probabilities: np.ndarray, kernels: Kernels
) -> np.ndarray:
    """Sharpen a segmentation along the image's edges (docs/method.md, 5).

    Args:
        image: (H, W, 3) uint8 RGB.
        probabilities: (K, H, W) float in [0, 1], adding up to 1 over K labels.
        kernels: pairwise terms and iterations.

    Returns:
        (K, H, W) float32 in [0, 1], the labels' marginals.
    """
    return _marginals(image, -np.log(probabilities.clip(_SMALLEST, 1.0)), kernels)


def _marginals(image: np.ndarray, unary: np.ndarray, kernels: Kernels) -> np.ndarray:
    labels, height, width = unary.shape
    field = DenseCRF2D(width, height, labels)
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(labels, -1), dtype=np.float32))
    field.addPairwiseGaussian(sxy=kernels.gaussian_sxy, compat=kernels.gaussian_compat)
    field.addPairwiseBilateral(
        sxy=kernels.bilateral_sxy,
        srgb=kernels.bilateral_srgb,
        rgbim=np.array(image),  # a copy: the library wants it writable
        compat=kernels.bilateral_compat,
    )
    return np.array(field.inference(kernels.iterations)).reshape(unary.shape)
