"""A network's affinity, coarse enough for a page: what each position is averaged with."""

from dataclasses import dataclass

import numpy as np

_QUERIES_A_SIDE = 20
_KEYS_A_SIDE = 40


@dataclass(frozen=True)
class AffinityMap:
    """Rows of an affinity.

    Attributes:
        grid: (rows, columns) of all positions.
        queries: (rows, columns) of those that can be asked for: every `step`-th from `first` on.
        first: (row, column) of the first query.
        step: positions from one query to the next.
        keys: (rows, columns) of what answers: blocks of `pool` x `pool` positions, the last of
            which may reach beyond the grid.
        pool: positions.
        values: (queries, keys) uint8; of each query the strongest key is 255.
    """

    grid: tuple[int, int]
    queries: tuple[int, int]
    first: tuple[int, int]
    step: int
    keys: tuple[int, int]
    pool: int
    values: np.ndarray


def coarse_affinity(affinity: np.ndarray, grid: tuple[int, int]) -> AffinityMap:
    """Every few positions' rows, means over neighbouring positions.

    Args:
        affinity: (N, N) float in [0, 1]; row i says what position i is averaged with.
        grid: (rows, columns) of the positions, N = rows * columns.
    """
    rows, columns = grid
    step = -(-max(grid) // _QUERIES_A_SIDE)
    top, left = (min(step, side) // 2 for side in grid)  # of a strip there is one row, or column
    queries = np.arange(rows * columns).reshape(grid)[top::step, left::step]
    asked = affinity[queries.ravel()].reshape(-1, rows, columns)

    pool = -(-max(grid) // _KEYS_A_SIDE)
    padded = np.pad(asked, ((0, 0), (0, -rows % pool), (0, -columns % pool)), mode="edge")
    blocks = padded.reshape(len(asked), -(-rows // pool), pool, -(-columns // pool), pool)
    means = blocks.mean(axis=(2, 4))  # (queries, key rows, key columns)
    strongest = means.max(axis=(1, 2), keepdims=True).clip(1e-12)
    values = np.rint(255 * means / strongest).astype(np.uint8)
    return AffinityMap(
        grid=grid,
        queries=(queries.shape[0], queries.shape[1]),
        first=(top, left),
        step=step,
        keys=(means.shape[1], means.shape[2]),
        pool=pool,
        values=values.reshape(len(asked), -1),
    )
