"""Gaussian filtering in many dimensions on the permutohedral lattice (Adams, Baek & Davis 2010)."""

import warnings

import torch
from torch import Tensor

_BITS = 60  # that a lattice point's coordinates share in one whole number


class PermutohedralFilter:
    """Averages values over points that are near one another: weights exp(-|f_i - f_j|^2 / 2).

    Values are spread over the corners of the simplex that each point lies in, blurred along the
    lattice's d + 1 directions, and read back: time and memory grow with the number of points, not
    with its square.

    Args:
        features: (N, d) float32, the points' places, in units of the kernel's width.
    """

    def __init__(self, features: Tensor) -> None:
        dimensions = features.shape[1]
        elevated = _elevate(features.float())
        nearest, rank = _nearest(elevated)
        weights = _barycentric(elevated, nearest, rank)  # (N, d + 1)
        keys, places = _packed(_corners(nearest, rank))
        points, corners = torch.unique(keys, return_inverse=True)
        self._read = _sparse(corners, weights, len(points))  # (N, points)
        self._spread = _transposed(self._read)
        self._neighbours = [
            torch.stack((_find(points, step), _find(points, -step)))
            for step in _directions(dimensions, places)
        ]
        self._alpha = 1.0 / (1.0 + 2.0**-dimensions)

    def __call__(self, values: Tensor) -> Tensor:
        """Filter values (N, K) float32; sums, not means."""
        missing = values.new_zeros(1, values.shape[1])  # stands for neighbours that are not there
        lattice = torch.cat((self._spread @ values, missing))
        for before, after in self._neighbours:
            blurred = lattice[:-1] + 0.5 * (lattice[before] + lattice[after])
            lattice = torch.cat((blurred, missing))
        return (self._read @ lattice[:-1]) * self._alpha


def _packed(corners: Tensor) -> tuple[Tensor, Tensor]:
    """(N, d + 1, d) whole coordinates as one whole number each, and each coordinate's place in it.

    Raises:
        ValueError: the points spread too far.
    """
    margin = corners.shape[1]  # for neighbours, so that none is taken for another's
    lowest = corners.amin(dim=(0, 1)) - margin
    sizes = corners.amax(dim=(0, 1)) + margin + 1 - lowest
    if sizes.double().log2().sum() > _BITS:
        raise ValueError("features spread too far for a lattice of 64-bit keys")
    places = torch.cat((sizes.new_ones(1), sizes[:-1].cumprod(dim=0)))
    return ((corners - lowest) * places).sum(dim=2), places


def _sparse(corners: Tensor, weights: Tensor, points: int) -> Tensor:
    """(N, points) CSR: each pixel's weights at its corners. Sums in it have one order, always."""
    count, sides = corners.shape
    columns, order = corners.sort(dim=1)
    rows = torch.arange(0, count * sides + 1, sides, device=corners.device)
    values = weights.gather(1, order)
    return _csr(rows, columns.flatten(), values.flatten(), (count, points))


def _transposed(matrix: Tensor) -> Tensor:
    """A CSR matrix's transpose, as CSR, too."""
    count, points = matrix.shape
    columns = matrix.col_indices()
    sides = len(columns) // count
    by_point, order = columns.sort(stable=True)
    rows = torch.searchsorted(by_point, torch.arange(points + 1, device=columns.device))
    return _csr(rows, order // sides, matrix.values()[order], (points, count))


def _csr(rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, columns, values, size, check_invariants=False)


def _elevate(features: Tensor) -> Tensor:
    """(N, d) to (N, d + 1): onto the plane of coordinates that add up to 0, scaled for the blur."""
    dimensions = features.shape[1]
    axis = torch.arange(1, dimensions + 1, device=features.device, dtype=features.dtype)
    scale = (dimensions + 1) * (2.0 / 3.0) ** 0.5 / (axis * (axis + 1)).sqrt()
    scaled = features * scale
    later = scaled.flip(1).cumsum(1).flip(1)  # sums from each coordinate on
    first = later[:, :1]
    rest = torch.cat((later[:, 1:], torch.zeros_like(first)), dim=1) - axis * scaled
    return torch.cat((first, rest), dim=1)


def _nearest(elevated: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest lattice point of remainder 0, and the coordinates' ranks by distance to it."""
    sides = elevated.shape[1]
    nearest = (elevated / sides).round() * sides
    surplus = (nearest.sum(dim=1, keepdim=True) / sides).round().long()
    order = (elevated - nearest).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order)
    rank.scatter_(1, order, torch.arange(sides, device=order.device).expand_as(order))
    rank = rank + surplus
    nearest = nearest.long()
    low, high = rank < 0, rank >= sides
    nearest = nearest + sides * (low.long() - high.long())
    rank = rank + sides * (low.long() - high.long())
    return nearest, rank


def _barycentric(elevated: Tensor, nearest: Tensor, rank: Tensor) -> Tensor:
    """(N, d + 1): the weights of the simplex's corners, by their remainder."""
    sides = elevated.shape[1]
    distance = (elevated - nearest) / sides
    by_rank = torch.empty_like(distance).scatter_(1, rank, distance)
    # Corner r lies between the coordinates of rank d - r and d - r + 1.
    falling = by_rank.flip(1)
    weights = falling - torch.cat((falling[:, -1:] * 0, falling[:, :-1]), dim=1)
    weights[:, 0] = 1.0 + by_rank[:, -1] - by_rank[:, 0]
    return weights


def _corners(nearest: Tensor, rank: Tensor) -> Tensor:
    """(N, d + 1, d) coordinates of the corners, by remainder; the last follows of the others."""
    dimensions = nearest.shape[1] - 1
    remainder = torch.arange(dimensions + 1, device=nearest.device)[None, :, None]
    own, order = nearest[:, None, :-1], rank[:, None, :-1]
    return own + remainder - (dimensions + 1) * (order > dimensions - remainder).long()


def _directions(dimensions: int, places: Tensor) -> list[Tensor]:
    """What is added to a packed key to step along each of the d + 1 directions."""
    steps = []
    for axis in range(dimensions + 1):
        step = torch.ones_like(places)
        if axis < dimensions:
            step[axis] = -dimensions
        steps.append((step * places).sum())
    return steps


def _find(points: Tensor, step: Tensor) -> Tensor:
    """Where points + step stand among the points; their number for those that are not there."""
    wanted = points + step
    found = torch.searchsorted(points, wanted).clamp(max=len(points) - 1)
    return torch.where(points[found] == wanted, found, len(points))
