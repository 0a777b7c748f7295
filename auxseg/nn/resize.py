"""Bilinear resizing of maps, on GPUs as matrix products.

PyTorch's own backward pass on a GPU adds up in another order each time; asked for the same result
from the same input it takes a way around that costs more than the network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def resize_bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (B, K, h, w) to (B, K, *size), pixels being areas (`align_corners=False`)."""
    if maps.device.type != "cuda":
        return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return resize_by_matrices(maps, size)


def resize_by_matrices(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The same, as rows @ maps @ columns; in the maps' own precision, also under autocast."""
    rows, columns = (
        interpolation_matrix(there, here, maps)
        for there, here in zip(size, maps.shape[2:], strict=True)
    )
    with torch.autocast(maps.device.type, enabled=False):
        return rows @ (maps @ columns.T)


def interpolation_matrix(there: int, here: int, like: Tensor) -> Tensor:
    """(there, here) weights of `here` values in `there` interpolated ones: every row sums to 1."""
    target = torch.arange(there, device=like.device, dtype=torch.float64)
    source = ((target + 0.5) * (here / there) - 0.5).clamp(0, here - 1)
    distance = source[:, None] - torch.arange(here, device=like.device)
    return (1 - distance.abs()).clamp(min=0).to(like.dtype)
