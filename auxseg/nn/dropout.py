"""Dropout of whole channels, whose draws belong to samples.

What a sample loses depends on its seed alone: not on the batch it comes in, nor on the process, the
device or an interruption. So any number of processes learn the same from the same samples, while
batch norm is frozen.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Draws:
    """The draws of one pass: every layer of it has its own."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self.layers = 0

    def next(self, channels: int) -> np.ndarray:
        """(B, channels) float32, uniform in [0, 1)."""
        self.layers += 1
        rows = [np.random.default_rng((seed, self.layers)) for seed in self.seeds]
        return np.stack([row.random(channels, dtype=np.float32) for row in rows])


_draws: ContextVar[_Draws | None] = ContextVar("draws", default=None)


@contextlib.contextmanager
def dropout_of_samples(seeds: Tensor) -> Iterator[None]:
    """Within it, one pass drops what the seeds (B,) int64 of its samples say."""
    token = _draws.set(_Draws(seeds.tolist()))
    try:
        yield
    finally:
        _draws.reset(token)


class ChannelDropout(nn.Module):
    """Zeroes channels of (B, C, h, w) in training, and scales up the others.

    Args:
        share: of the channels, in [0, 1).

    Outside of `dropout_of_samples` it draws as `nn.Dropout2d` does.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same; in evaluation mode as it is."""
        if not self.training or self.share == 0:
            return x
        draws = _draws.get()
        if draws is None:
            return F.dropout2d(x, self.share)
        kept = torch.from_numpy(draws.next(x.shape[1]) >= self.share).to(x.device)
        return x * (kept.to(x.dtype) / (1 - self.share))[:, :, None, None]

    def extra_repr(self) -> str:
        """For print(network)."""
        return f"share={self.share}"
