"""Dense conditional random fields (Krähenbühl & Koltun 2011) on saliency and segmentation."""

from collections.abc import Callable

import numpy as np
from pydensecrf.densecrf import DenseCRF2D

from auxseg.ops.kernels import Kernels

Inference = Callable[[np.ndarray, np.ndarray, Kernels], np.ndarray]
"""From image, unary energies and kernels to marginals."""

_SMALLEST = 1e-5
_IMPOSSIBLE = 200.0  # energy beside which a label's probability is nought in single precision
_IMPROBABLE = 0.05  # a label below it everywhere is left out; benchmarks/speed.md has what it costs


def marginals(image: np.ndarray, unary: np.ndarray, kernels: Kernels) -> np.ndarray:
    """Mean-field marginals by pydensecrf, on one core.

    Args:
        image: (H, W, 3) uint8 RGB.
        unary: (K, H, W) float energies.
        kernels: pairwise terms and iterations.

    Returns:
        (K, H, W) float32 in [0, 1], adding up to 1 over K.
    """
    labels, height, width = unary.shape
    energies = unary.reshape(labels, -1).astype(np.float32)
    if labels % 4 == 3:
        # The library computes four labels at a time, and a fifth slower where one is missing.
        energies = np.vstack((energies, np.full_like(energies[:1], _IMPOSSIBLE)))
    field = DenseCRF2D(width, height, len(energies))
    field.setUnaryEnergy(np.ascontiguousarray(energies))
    field.addPairwiseGaussian(sxy=kernels.gaussian_sxy, compat=kernels.gaussian_compat)
    field.addPairwiseBilateral(
        sxy=kernels.bilateral_sxy,
        srgb=kernels.bilateral_srgb,
        rgbim=np.array(image),  # a copy: the library wants it writable
        compat=kernels.bilateral_compat,
    )
    found = np.array(field.inference(kernels.iterations))
    return found[:labels].reshape(unary.shape)


def refine_saliency(
    image: np.ndarray,
    saliency: np.ndarray,
    kernels: Kernels,
    *,
    temperature: float,
    infer: Inference = marginals,
) -> np.ndarray:
    """Sharpen saliency along the image's edges (docs/method.md, 4).

    The unary of either label is -log p / (tau * sigmoid(p)), p being its probability.

    Args:
        image: (H, W, 3) uint8 RGB.
        saliency: (H, W) float in [0, 1].
        kernels: pairwise terms and iterations.
        temperature: tau.
        infer: what computes the marginals.

    Returns:
        (H, W) float32 in [0, 1], the marginal of "salient".
    """
    both = np.stack((1.0 - saliency, saliency)).clip(_SMALLEST, 1.0)  # (2, H, W)
    unary = -np.log(both) * (1.0 + np.exp(-both)) / temperature
    return infer(image, unary, kernels)[1]


def refine_segmentation(
    image: np.ndarray,
    probabilities: np.ndarray,
    kernels: Kernels,
    *,
    infer: Inference = marginals,
) -> np.ndarray:
    """Sharpen a segmentation along the image's edges (docs/method.md, 5).

    Args:
        image: (H, W, 3) uint8 RGB.
        probabilities: (K, H, W) float in [0, 1], adding up to 1 over K labels.
        kernels: pairwise terms and iterations.
        infer: what computes the marginals.

    Returns:
        (K, H, W) float32 in [0, 1], the labels' marginals.
    """
    if len(probabilities) == 1:
        return np.ones_like(probabilities, dtype=np.float32)
    return infer(image, -np.log(probabilities.clip(_SMALLEST, 1.0)), kernels)


def labels_that_matter(probabilities: np.ndarray) -> np.ndarray:
    """Which labels a CRF has to tell apart: its time grows with their number.

    Args:
        probabilities: (K, H, W) float in [0, 1], adding up to 1 over K labels.

    Returns:
        The indices, ascending, of labels that are the most probable ones somewhere, or not quite
        improbable.
    """
    highest = probabilities.reshape(len(probabilities), -1).max(axis=1)
    matter = highest >= _IMPROBABLE
    # The most probable of K labels has at least 1 / K, so that few need to be looked for.
    if (~matter & (highest >= 0.99 / len(highest))).any():
        matter[np.unique(probabilities.argmax(axis=0))] = True
    return np.flatnonzero(matter)
