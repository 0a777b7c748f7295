"""Pairwise affinities between positions: of one task, and across tasks.

An affinity of N positions has N x N values: 268 million for a photograph of 1024 x 1024 pixels at
stride 8. It is therefore made in blocks of rows where it would not fit into a budget of memory, and
never is there as a whole; what it is applied to, and its gradients, come out alike.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# What the rows of a block, and what becomes of them, may take: so many bytes, or of a GPU this
# share of all its memory, not of what is free, as the size of blocks decides how gradients round.
BLOCK_BYTES = {"cpu": 64 * 2**20}
_SHARE_OF_GPU = 8
_COPIES = 48  # of a block's rows that are alive at a time: a convolution pads their channels


class Affinity:
    """An affinity (B, N, N) by its rows.

    Args:
        make_rows: from first and last, exclusive, to these rows (B, last - first, N).
        batch: B.
        positions: N.
        transposed: apply the transpose.
    """

    def __init__(
        self,
        make_rows: Callable[[int, int], Tensor],
        batch: int,
        positions: int,
        *,
        transposed: bool = False,
    ) -> None:
        self.batch = batch
        self.positions = positions
        self._make_rows = make_rows
        self._transposed = transposed
        self._whole: Tensor | None = None

    def transpose(self) -> "Affinity":
        """Its transpose."""
        return Affinity(self.rows, self.batch, self.positions, transposed=not self._transposed)

    def rows(self, first: int, last: int) -> Tensor:
        """Rows before any transposition, (B, last - first, N)."""
        if self._whole is None:
            return self._make_rows(first, last)
        return self._whole[:, first:last]

    def dense(self, device: str = "cpu") -> Tensor:
        """All of it, (B, N, N): made once, and kept.

        Args:
            device: type of the one that makes it: how much it may take at a time.
        """
        if self._whole is None:
            # An exported network has one form for all sizes of photographs: no count of blocks.
            if torch.is_grad_enabled() or torch.compiler.is_exporting():
                self._whole = self._make_rows(0, self.positions)
            else:
                self._whole = self._made_in_blocks(device)
        return self._whole.transpose(1, 2) if self._transposed else self._whole

    def _made_in_blocks(self, device: str) -> Tensor:
        whole = torch.empty(0)
        for first, last in self._blocks(self._rows_a_block(device)):
            rows = self._make_rows(first, last)
            if first == 0:
                whole = rows.new_empty(self.batch, self.positions, self.positions)
            whole[:, first:last] = rows
        return whole

    def apply(self, maps: Tensor) -> Tensor:
        """Every map (B, K, h, w), N = h * w, summed with each row's weights; in the maps' own type.

        One task's rows add up to 1; a cross-task affinity's, and a transpose's, to another sum.
        """
        flat = maps.flatten(2).transpose(1, 2)  # (B, N, K)
        if self._is_kept(maps.device.type):
            result = self.dense(maps.device.type) @ flat
        else:
            blocks = self._blocks(self._rows_a_block(maps.device.type))
            result = (self._summed if self._transposed else self._stacked)(flat, blocks)
        return result.transpose(1, 2).reshape(maps.shape).to(maps.dtype)

    def _is_kept(self, device: str) -> bool:
        """Whether it is made once, for all that it is applied to."""
        if self._whole is not None or torch.compiler.is_exporting():
            return True
        if torch.is_grad_enabled():  # all that becomes of the rows stays, too
            return self._rows_a_block(device) >= self.positions
        return self.batch * self.positions**2 * 4 <= _budget(device)

    def _stacked(self, flat: Tensor, blocks: Iterable[tuple[int, int]]) -> Tensor:
        """Every block of rows makes these rows of the result, (B, N, K)."""
        if torch.is_grad_enabled():
            return torch.cat([self._of_block(flat, *block) for block in blocks], dim=1)
        # Results kept apart, each between two large blocks, would keep the memory of these from
        # being given back.
        result = torch.empty_like(flat)
        for first, last in blocks:
            result[:, first:last] = self._product(flat, first, last)
        return result

    def _summed(self, flat: Tensor, blocks: Iterable[tuple[int, int]]) -> Tensor:
        """Every block of rows adds to all rows of the transpose's result, (B, N, K)."""
        # In half precision a sum over many blocks would lose what one product keeps.
        wide = torch.promote_types(flat.dtype, torch.float32)
        products = (self._of_block(flat, *block) for block in blocks)
        return reduce(torch.add, products, torch.zeros_like(flat, dtype=wide))

    def _of_block(self, flat: Tensor, first: int, last: int) -> Tensor:
        """What one block of rows makes of the maps; made anew for its gradients."""
        if torch.is_grad_enabled():
            return checkpoint(self._product, flat, first, last, use_reentrant=False)
        return self._product(flat, first, last)

    def _product(self, flat: Tensor, first: int, last: int) -> Tensor:
        rows = self.rows(first, last)
        if self._transposed:
            return rows.transpose(1, 2) @ flat[:, first:last]
        return rows @ flat

    def _rows_a_block(self, device: str) -> int:
        a_row = self.batch * self.positions * 4 * _COPIES
        return max(1, _budget(device) // a_row)

    def _blocks(self, size: int) -> Iterator[tuple[int, int]]:
        for first in range(0, self.positions, size):
            yield first, min(first + size, self.positions)


def _budget(device: str) -> int:
    if device == "cuda":
        here = torch.cuda.current_device()
        return torch.cuda.get_device_properties(here).total_memory // _SHARE_OF_GPU
    return BLOCK_BYTES.get(device, BLOCK_BYTES["cpu"])


class TaskAffinity(nn.Module):
    """A task's pairwise affinity and the enhancement of its features by it (docs/method.md, 1).

    Args:
        channels: D.
        with_unary: add AuxSegNet+'s unary affinity: one attention over positions, the same for
            every query.
    """

    def __init__(self, channels: int, *, with_unary: bool = False) -> None:
        super().__init__()
        self.unary = nn.Conv2d(channels, 1, 1) if with_unary else None
        self.theta = nn.Conv2d(channels, channels, 1)
        self.phi = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Affinity]:
        """Enhance features (B, D, h, w).

        Returns:
            The enhanced features (B, D, h, w), F + W(A g(F)), and A (B, N, N), whose rows sum to 1:
            A[i, j] = softmax over j of theta(F)_i . phi(F)_j. With the unary affinity u (B, 1, N),
            the features are F + W(A g(F) + u g(F)).
        """
        theta = self.theta(features).flatten(2)  # (B, D, N)
        phi = self.phi(features).flatten(2)

        def rows(first: int, last: int) -> Tensor:
            return torch.softmax(theta[:, :, first:last].transpose(1, 2) @ phi, dim=2)

        affinity = Affinity(rows, len(phi), phi.shape[2])
        values = self.value(features)
        context = affinity.apply(values)
        if self.unary is not None:
            attention = torch.softmax(self.unary(features).flatten(2), dim=2)  # (B, 1, N)
            context = context + (values.flatten(2) @ attention.transpose(1, 2))[..., None]
        return features + self.project(context), affinity


class CrossTaskAffinity(nn.Module):
    """Gates two task affinities into one, position pair by position pair (docs/method.md, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.gate = nn.Conv2d(2, 2, 1)

    def forward(self, segmentation: Affinity, saliency: Affinity) -> Affinity:
        """Affinities of two tasks to the cross-task affinity."""
        positions = segmentation.positions

        def rows(first: int, last: int) -> Tensor:
            # The 3 x 3 convolution sees one row above and one below.
            above, below = max(0, first - 1), min(positions, last + 1)
            both = torch.stack([a.rows(above, below) for a in (segmentation, saliency)], dim=1)
            mixed = self.mix(both)[:, :, first - above : last - above]
            weights = torch.softmax(self.gate(torch.relu(mixed)), dim=1)
            return (weights * both[:, :, first - above : last - above]).sum(dim=1)

        return Affinity(rows, segmentation.batch, positions)
