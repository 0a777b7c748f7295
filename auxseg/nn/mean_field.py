"""Dense CRF inference in torch, on a GPU or a processor: what pydensecrf computes, as tensors."""

import numpy as np
import torch
from torch import Tensor

from auxseg.errors import UserError
from auxseg.nn.permutohedral import PermutohedralFilter
from auxseg.ops.kernels import Kernels

_SMALLEST = 1e-20


@torch.inference_mode()
def marginals(
    image: np.ndarray, unary: np.ndarray, kernels: Kernels, *, device: torch.device, key: str
) -> np.ndarray:
    """Mean-field marginals of a dense CRF with Potts compatibility (Krähenbühl & Koltun 2011).

    Args:
        image: (H, W, 3) uint8 RGB.
        unary: (K, H, W) float energies.
        kernels: pairwise terms and iterations.
        device: to compute on.
        key: the section of the configuration that the kernels stand in.

    Returns:
        (K, H, W) float32 in [0, 1], adding up to 1 over K.

    Raises:
        UserError: a kernel is too narrow for an image of this size.
    """
    terms = _pairwise_terms(torch.tensor(image, device=device), kernels, key)
    energy = -torch.from_numpy(unary).to(device, torch.float32).flatten(1).T  # (N, K)
    marginal = energy.softmax(dim=1)
    for _ in range(kernels.iterations):
        total = energy
        for term, weight in terms:
            total = total + weight * _normalised(term, marginal)
        marginal = total.softmax(dim=1)
    return marginal.T.reshape(unary.shape).cpu().numpy()


def _pairwise_terms(
    image: Tensor, kernels: Kernels, key: str
) -> list[tuple[tuple[PermutohedralFilter, Tensor], float]]:
    """Each kernel's filter, what normalises it, and its weight."""
    height, width = image.shape[:2]
    rows = torch.arange(height, device=image.device).view(-1, 1).expand(height, width)
    columns = torch.arange(width, device=image.device).expand(height, width)
    place = torch.stack((columns, rows), dim=2).reshape(-1, 2).float()
    colour = image.reshape(-1, 3).float() / kernels.bilateral_srgb
    both = torch.cat((place / kernels.bilateral_sxy, colour), dim=1)
    features = (
        ("gaussian_sxy", place / kernels.gaussian_sxy, kernels.gaussian_compat),
        ("bilateral_sxy and bilateral_srgb", both, kernels.bilateral_compat),
    )
    terms = []
    for widths, points, weight in features:
        try:
            kernel = PermutohedralFilter(points)
        except ValueError:
            raise UserError(
                f"{key}: {widths}: too narrow for engine torch and an image of {width} x "
                f"{height} pixels; widen them there, or take engine pydensecrf."
            ) from None
        total = kernel(torch.ones(len(points), 1, device=image.device))
        terms.append(((kernel, (total + _SMALLEST).rsqrt()), weight))
    return terms


def _normalised(term: tuple[PermutohedralFilter, Tensor], values: Tensor) -> Tensor:
    """Symmetrically: each pair by the square root of both pixels' sums."""
    kernel, norm = term
    return norm * kernel(norm * values)
